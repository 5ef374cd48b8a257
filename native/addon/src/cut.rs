//! Cutting file systems, for JavaScript: snapshots of btrfs, and trees made like others.

use crate::bridge::throw;
use holdall_core::dir::Dir;
use holdall_core::error::{Error as CoreError, Result as CoreResult};
use holdall_core::mirror;
use holdall_core::posix::{self, Stat};
use holdall_core::remove::remove;
use holdall_core::subvolume;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::collections::HashSet;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};

/// Where a path lies.
#[napi(object)]
pub struct Place {
    /// `statfs` number of the kind of file system, hexadecimal.
    pub kind: String,
    /// Tells one file system of this machine from another; all subvolumes of one have the same.
    pub file_system: String,
    /// 0 where there are no subvolumes.
    pub subvolume: f64,
    pub inode: f64,
    /// Device number; each subvolume has its own.
    pub device: String,
}

fn at<T>(path: &Buffer, act: impl FnOnce(i32) -> CoreResult<T>) -> Result<T> {
    let named = |e: CoreError| match e {
        CoreError::Source { op, errno, .. } => CoreError::Source { op, path: path.to_vec(), errno },
        e => e,
    };
    let fd = subvolume::open(path).map_err(named).map_err(throw)?;
    act(fd.as_raw_fd()).map_err(named).map_err(throw)
}

#[napi(catch_unwind)]
pub fn place_of(path: Buffer) -> Result<Place> {
    at(&path, |fd| {
        let stat = posix::stat(fd, c"")?;
        let device = format!("{}:{}", stat.filesystem.0, stat.filesystem.1);
        let (file_system, own) = match subvolume::is_btrfs(fd)? {
            true => {
                let (id, own) = subvolume::identity(fd)?;
                (holdall_core::object::hex(&id), own)
            }
            false => (device.clone(), 0),
        };
        let kind = format!("{:x}", subvolume::magic(fd)?);
        let (own, inode) = (own as f64, stat.inode as f64);
        Ok(Place { kind, file_system, subvolume: own, inode, device })
    })
}

/// Subvolumes below a folder, by their paths from it.
#[napi(catch_unwind)]
pub fn subvolumes_below(path: Buffer) -> Result<Vec<Buffer>> {
    let found = at(&path, subvolume::below)?;
    Ok(found.into_iter().map(Buffer::from).collect())
}

/// A read-only snapshot of the subvolume that `source` is of, as `folder/name`.
#[napi(catch_unwind)]
pub fn snapshot_subvolume(source: Buffer, folder: Buffer, name: String) -> Result<()> {
    let from = subvolume::open(&source).map_err(throw)?;
    at(&folder, |dir| subvolume::snapshot(from.as_raw_fd(), dir, name.as_bytes()))
}

#[napi(catch_unwind)]
pub fn create_subvolume(folder: Buffer, name: String) -> Result<()> {
    at(&folder, |dir| subvolume::create(dir, name.as_bytes()))
}

#[napi(catch_unwind)]
pub fn delete_subvolume(folder: Buffer, name: String) -> Result<()> {
    at(&folder, |dir| subvolume::delete(dir, name.as_bytes()))
}

/// Removes an entry and all below it.
#[napi(catch_unwind)]
pub fn remove_tree(folder: Buffer, name: String) -> Result<()> {
    at(&folder, |dir| remove(dir, name.as_bytes()))
}

/// What runs beside JavaScript; it waits for nothing but the disk.
pub struct Work(Box<dyn FnMut() -> CoreResult<f64> + Send>);

impl Task for Work {
    type Output = f64;
    type JsValue = f64;

    fn compute(&mut self) -> Result<f64> {
        (self.0)().map_err(throw)
    }

    fn resolve(&mut self, _: Env, output: f64) -> Result<f64> {
        Ok(output)
    }
}

/// Hands all that is written of a path's file system to its disk.
#[napi]
pub fn sync_file_system(path: Buffer) -> AsyncTask<Work> {
    let path = path.to_vec();
    AsyncTask::new(Work(Box::new(move || {
        subvolume::sync(subvolume::open(&path)?.as_raw_fd()).map(|()| 0.0)
    })))
}

/// A second tree that is made like the first, in passes; see the core's `mirror`.
#[napi]
pub struct Mirror {
    own: Arc<Mutex<mirror::Mirror>>,
}

#[napi]
impl Mirror {
    #[napi(constructor)]
    pub fn new(reflink: bool) -> Mirror {
        Mirror { own: Arc::new(Mutex::new(mirror::Mirror::new(reflink))) }
    }

    /// Gives a folder what another has beside its entries: owner, mode, attributes, times.
    #[napi(catch_unwind)]
    pub fn describe(from: Buffer, to: Buffer) -> Result<()> {
        let root = |path: &Buffer| {
            let handle = subvolume::open(path).map_err(throw)?;
            Ok::<_, Error>(Dir::root(path.to_vec(), handle))
        };
        mirror::Mirror::describe(&*root(&from)?, &*root(&to)?).map_err(throw)
    }

    /// Makes `to/name` like `from/name`; `mapped` are paths whose times say nothing. Gives the
    /// bytes of the files that were taken.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn pass(
        &self,
        from: Buffer,
        to: Buffer,
        name: Buffer,
        mapped: Vec<Buffer>,
    ) -> AsyncTask<Work> {
        let own = self.own.clone();
        let (from, to, name) = (from.to_vec(), to.to_vec(), name.to_vec());
        let mapped: Vec<Vec<u8>> = mapped.iter().map(|m| m.to_vec()).collect();
        AsyncTask::new(Work(Box::new(move || {
            let inode = |s: Stat| (s.filesystem, s.inode);
            let look = |path: &Vec<u8>| subvolume::stat(path).ok().map(inode);
            let never: HashSet<_> = mapped.iter().filter_map(look).collect();
            let root = |path: &Vec<u8>| Ok(Dir::root(path.clone(), subvolume::open(path)?));
            let (from, to) = (root(&from)?, root(&to)?);
            let mut mirror = own.lock().expect("no panic");
            let taken = mirror.pass(&from, &to, &name, &|s| never.contains(&inode(*s)))?;
            Ok(taken.bytes as f64)
        })))
    }
}
