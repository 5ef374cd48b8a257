//! A step that puts back what a flush or a pause changed, simple enough to be done by whoever is
//! left: bytes sent to a socket and the answer that is waited for, or a program that is run.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Undo {
    /// Path of a socket, or `host:port`; what is sent; what the answer must hold.
    Unix(Vec<u8>, Vec<u8>, Vec<u8>),
    Tcp(Vec<u8>, Vec<u8>, Vec<u8>),
    Run(Vec<Vec<u8>>),
}

/// How long one step may take.
const LIMIT: Duration = Duration::from_secs(3);

impl Undo {
    /// As words: a kind, then bytes in hexadecimal.
    pub fn words(&self) -> String {
        let (kind, parts): (&str, Vec<&[u8]>) = match self {
            Undo::Unix(at, send, expect) => ("unix", vec![at, send, expect]),
            Undo::Tcp(at, send, expect) => ("tcp", vec![at, send, expect]),
            Undo::Run(words) => ("run", words.iter().map(Vec::as_slice).collect()),
        };
        let parts: Vec<String> = parts.iter().map(|p| hex(p)).collect();
        format!("{kind} {}", parts.join(" "))
    }

    pub fn parse(words: &str) -> Option<Undo> {
        let (kind, rest) = words.split_once(' ')?;
        let mut parts: Vec<Vec<u8>> = rest.split(' ').map(unhex).collect::<Option<_>>()?;
        match (kind, parts.len()) {
            ("run", 1..) => Some(Undo::Run(parts)),
            ("unix" | "tcp", 3) => {
                let (expect, send, at) = (parts.pop()?, parts.pop()?, parts.pop()?);
                let of = if kind == "unix" { Undo::Unix } else { Undo::Tcp };
                Some(of(at, send, expect))
            }
            _ => None,
        }
    }

    pub fn act(&self) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{}: {e}", self.place());
        match self {
            Undo::Unix(at, send, expect) => {
                let socket = UnixStream::connect(OsStr::from_bytes(at)).map_err(failed)?;
                let limits = [socket.set_read_timeout(Some(LIMIT))];
                limits.into_iter().collect::<Result<(), _>>().map_err(failed)?;
                socket.set_write_timeout(Some(LIMIT)).map_err(failed)?;
                self.exchange(socket, send, expect)
            }
            Undo::Tcp(at, send, expect) => {
                let at = String::from_utf8_lossy(at).into_owned();
                let socket = TcpStream::connect(at).map_err(failed)?;
                socket.set_read_timeout(Some(LIMIT)).map_err(failed)?;
                socket.set_write_timeout(Some(LIMIT)).map_err(failed)?;
                self.exchange(socket, send, expect)
            }
            Undo::Run(words) => self.run(words),
        }
    }

    /// What it reaches, for messages: never what it sends, which may hold a secret.
    fn place(&self) -> String {
        let at = match self {
            Undo::Unix(at, ..) | Undo::Tcp(at, ..) => at,
            Undo::Run(words) => &words[0],
        };
        String::from_utf8_lossy(at).into_owned()
    }

    fn exchange(
        &self,
        mut socket: impl Read + Write,
        send: &[u8],
        expect: &[u8],
    ) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{}: {e}", self.place());
        socket.write_all(send).map_err(failed)?;
        let (mut answer, mut part, end) = (Vec::new(), [0; 4096], Instant::now() + LIMIT);
        while !holds(&answer, expect) {
            let n = socket.read(&mut part).map_err(failed)?;
            if n == 0 || answer.len() > 1 << 20 || Instant::now() > end {
                return Err(format!("{}: the answer is not the one expected", self.place()));
            }
            answer.extend_from_slice(&part[..n]);
        }
        Ok(())
    }

    fn run(&self, words: &[Vec<u8>]) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{}: {e}", self.place());
        let rest = words[1..].iter().map(|w| OsStr::from_bytes(w));
        let mut command = Command::new(OsStr::from_bytes(&words[0]));
        let quiet = command.args(rest).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = quiet.stderr(Stdio::null()).spawn().map_err(failed)?;
        let end = Instant::now() + LIMIT;
        loop {
            match child.try_wait().map_err(failed)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("{}: {status}", self.place())),
                None if Instant::now() > end => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("{}: took too long", self.place()));
                }
                None => sleep(Duration::from_millis(5)),
            }
        }
    }
}

fn holds(answer: &[u8], expect: &[u8]) -> bool {
    expect.is_empty() || answer.windows(expect.len()).any(|w| w == expect)
}

/// Empty bytes are a dash: every word has at least one letter.
pub fn hex(bytes: &[u8]) -> String {
    match bytes {
        [] => "-".into(),
        _ => crate::object::hex(bytes),
    }
}

pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return Some(vec![]);
    }
    let digits = text.is_ascii() && text.len().is_multiple_of(2) && !text.is_empty();
    let byte = |i: usize| u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).ok();
    digits.then(|| (0..text.len() / 2).map(byte).collect()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn words_come_back() {
        let steps = [
            Undo::Unix(b"/a b".to_vec(), b"x\r\n".to_vec(), vec![]),
            Undo::Tcp(b"localhost:1".to_vec(), vec![], b"+OK".to_vec()),
            Undo::Run(vec![b"true".to_vec(), vec![]]),
        ];
        for step in steps {
            assert_eq!(Undo::parse(&step.words()), Some(step));
        }
        for bad in ["unix 61", "run", "run 6", "what 61", "unix 61 zz 61"] {
            assert_eq!(Undo::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_program_counts_by_its_status() {
        let run = |word: &str| Undo::Run(vec![word.as_bytes().to_vec()]).act();
        assert_eq!(run("true"), Ok(()));
        assert!(run("false").is_err_and(|e| e.starts_with("false: ")));
        assert!(run("/there/is/none").is_err());
    }

    #[test]
    fn an_answer_is_waited_for() {
        let at = std::env::temp_dir().join(format!("holdall-undo-{}", std::process::id()));
        let listener = UnixListener::bind(&at).expect("a socket can be made");
        let serve = std::thread::spawn(move || {
            for answer in ["+O", "-ERR no"] {
                let (mut socket, _) = listener.accept().expect("somebody comes");
                let mut asked = [0; 4];
                socket.read_exact(&mut asked).expect("it is asked");
                socket.write_all(answer.as_bytes()).expect("it answers");
                socket.write_all(if answer == "+O" { b"K" } else { b"" }).expect("and again");
            }
        });
        let step = Undo::Unix(at.as_os_str().as_bytes().to_vec(), b"ping".to_vec(), b"+OK".into());
        assert_eq!(step.act(), Ok(()));
        assert!(step.act().is_err_and(|e| e.ends_with("not the one expected")));
        serve.join().expect("it served both");
        std::fs::remove_file(at).expect("the socket goes");
    }
}
