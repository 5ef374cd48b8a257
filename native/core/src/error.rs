//! The one error type of the core. Source, store and integrity errors are different variants, so
//! that a failing store can never pass for an unreadable file.

use std::fmt;

#[derive(Debug, Clone)]
pub enum Error {
    /// A system call on the user's own files failed.
    Source {
        op: &'static str,
        path: Vec<u8>,
        errno: i32,
    },
    /// A pack could not be kept on the disk of this folder until the store has it.
    Spool {
        folder: Vec<u8>,
        errno: i32,
    },
    /// The store did not take or give an object.
    Store(String),
    /// Bytes that are not what the format or an authentication tag says.
    Damaged(String),
    /// An object or chunk that nothing holds.
    Missing(String),
    /// The caller asked for what cannot be.
    Invalid(String),
    /// A later version's object or extension: right, but not for this reader.
    Newer(String),
    /// A key slot that asks for more memory or time than a reader will give.
    Costly(String),
    /// A path that the snapshot does not have.
    Absent(String),
    /// The command whose output was to be saved failed.
    Command(String),
    /// A fault of this program.
    Internal(String),
    Cancelled,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn source(op: &'static str, path: &[u8]) -> Error {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        Error::Source { op, path: path.to_vec(), errno }
    }

    /// The failure's code in the table of `src/base/failure.ts`.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Source { errno, .. } | Error::Spool { errno, .. } => match *errno {
                libc::EACCES | libc::EPERM => "permission",
                libc::ENOSPC | libc::EDQUOT => "disk_full",
                libc::EROFS => "read_only",
                _ => "source_io",
            },
            Error::Store(_) => "store_io",
            Error::Damaged(_) => "damaged",
            Error::Missing(_) => "missing_object",
            Error::Invalid(_) => "invalid",
            Error::Newer(_) => "newer_format",
            Error::Costly(_) => "kdf_too_expensive",
            Error::Absent(_) => "no_entry",
            Error::Command(_) => "command_failed",
            Error::Internal(_) => "internal",
            Error::Cancelled => "interrupted",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Source { op, path, errno } => {
                write!(f, "{}: {op}: {}", String::from_utf8_lossy(path), text(*errno))
            }
            Error::Spool { folder, errno } => write!(
                f,
                "{}: spooling a pack: {}; packs of --pack-size 16 need no spool",
                String::from_utf8_lossy(folder),
                text(*errno)
            ),
            Error::Store(m)
            | Error::Damaged(m)
            | Error::Missing(m)
            | Error::Invalid(m)
            | Error::Newer(m)
            | Error::Costly(m)
            | Error::Absent(m)
            | Error::Command(m)
            | Error::Internal(m) => f.write_str(m),
            Error::Cancelled => f.write_str("interrupted"),
        }
    }
}

fn text(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    text.split(" (os error").next().unwrap_or("").to_lowercase()
}
