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
    Cancelled,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn source(op: &'static str, path: &[u8]) -> Error {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        Error::Source { op, path: path.to_vec(), errno }
    }

    /// A short code that TypeScript maps to its own table.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Source { .. } => "source",
            Error::Store(_) => "store_io",
            Error::Damaged(_) => "damaged",
            Error::Missing(_) => "missing_object",
            Error::Invalid(_) => "invalid",
            Error::Newer(_) => "newer_format",
            Error::Cancelled => "interrupted",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Source { op, path, errno } => {
                let text = std::io::Error::from_raw_os_error(*errno).to_string();
                let text = text.split(" (os error").next().unwrap_or("").to_lowercase();
                write!(f, "{}: {op}: {text}", String::from_utf8_lossy(path))
            }
            Error::Store(m)
            | Error::Damaged(m)
            | Error::Missing(m)
            | Error::Invalid(m)
            | Error::Newer(m) => f.write_str(m),
            Error::Cancelled => f.write_str("interrupted"),
        }
    }
}
