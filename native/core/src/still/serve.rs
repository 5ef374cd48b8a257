//! What makes a process a watchdog: apart from who started it, deaf to all but its input's end.

use super::watchdog::Watchdog;
use crate::posix::errno;

/// Lines that are not finished when they are this long are no commands.
const LONGEST: usize = 1 << 20;

const DEAF: [i32; 11] = [
    libc::SIGINT,
    libc::SIGTERM,
    libc::SIGHUP,
    libc::SIGPIPE,
    libc::SIGQUIT,
    libc::SIGALRM,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// A session of its own, no descriptors but input and output, no folder, its memory kept.
fn separate() {
    // SAFETY: plain system calls on numbers and on strings that are ended by a zero.
    unsafe {
        for signal in DEAF {
            libc::signal(signal, libc::SIG_IGN);
        }
        // Fails where it has one already, which is as well.
        libc::setsid();
        libc::syscall(libc::SYS_close_range, 2, u32::MAX, 0);
        libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        libc::chdir(c"/".as_ptr());
        libc::mlockall(libc::MCL_CURRENT);
    }
    // Whatever else has to go when memory is short, this stays; an ordinary user may not ask.
    let _ = std::fs::write("/proc/self/oom_score_adj", "-1000");
}

/// Waits for input, at most so many milliseconds: whether there is some, or its end.
fn input(milliseconds: i32) -> (bool, bool) {
    let mut at = libc::pollfd { fd: 0, events: libc::POLLIN, revents: 0 };
    // SAFETY: one structure, and the count says so.
    let n = unsafe { libc::poll(&mut at, 1, milliseconds) };
    let is = |what: i16| n > 0 && at.revents & what != 0;
    (is(libc::POLLIN), is(libc::POLLHUP | libc::POLLERR | libc::POLLNVAL))
}

/// Bytes of the input; `None` at its end.
fn read() -> Option<Vec<u8>> {
    let mut part = vec![0; 64 << 10];
    // SAFETY: the kernel writes at most the buffer's length.
    let n = unsafe { libc::read(0, part.as_mut_ptr().cast(), part.len()) };
    match n {
        1.. => {
            part.truncate(n as usize);
            Some(part)
        }
        _ if n < 0 && matches!(errno(), libc::EINTR | libc::EAGAIN) => Some(vec![]),
        _ => None,
    }
}

/// A reader that went away hears nothing; whether it did is seen at the input.
fn say(line: &str) {
    let text = format!("{line}\n");
    // SAFETY: the bytes outlive the call.
    unsafe { libc::write(1, text.as_ptr().cast(), text.len()) };
}

pub fn serve() {
    separate();
    let mut watchdog = Watchdog::default();
    let mut unread: Vec<u8> = Vec::new();
    loop {
        if let Some(end) = unread.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = unread.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            watchdog.expire();
            // Bytes that came and the end behind them: the command is done, then the end seen.
            let answer = watchdog.answer(line.trim_end(), &mut || input(0) == (false, true));
            say(&answer);
            continue;
        }
        let (some, end) = input(watchdog.wait());
        watchdog.expire();
        match (some || end).then(read) {
            Some(None) => break,
            Some(Some(part)) => unread.extend(part),
            None => {}
        }
        if unread.len() > LONGEST {
            break;
        }
    }
    watchdog.leave();
}
