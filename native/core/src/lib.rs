//! Holdall's native core: everything that touches a plaintext byte of a file.

pub mod attribute;
pub mod crypto;
pub mod cut;
pub mod describe;
pub mod error;
pub mod file;
pub mod folder;
pub mod index;
pub mod ingest;
pub mod keyring;
pub mod list;
pub mod msgpack;
pub mod object;
pub mod output;
pub mod owner;
pub mod pack;
pub mod page;
pub mod posix;
pub mod reader;
pub mod remove;
pub mod restore;
pub mod scan;
pub mod sink;
pub mod target;
pub mod verify;
pub mod worker;
