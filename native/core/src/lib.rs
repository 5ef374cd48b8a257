//! Holdall's native core: everything that touches a plaintext byte of a file.

pub mod crypto;
pub mod cut;
pub mod error;
pub mod index;
pub mod keyring;
pub mod msgpack;
pub mod object;
pub mod pack;
pub mod page;
pub mod posix;
pub mod reader;
pub mod file;
pub mod folder;
pub mod ingest;
pub mod owner;
pub mod scan;
pub mod sink;
pub mod worker;
pub mod restore;
pub mod target;
pub mod list;
pub mod output;
pub mod verify;
