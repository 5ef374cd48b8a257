//! What JavaScript asks of a job, and the same as the core's own values.

use crate::keys::fixed;
use holdall_core::sink::Packing;
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// What a job works on. Paths are bytes, names joined by `/`, without a leading one.
#[napi(object)]
pub struct JobSpec {
    #[napi(ts_type = "'backup' | 'stream' | 'compare' | 'restore' | 'list' | 'diff' | 'cat' | \
        'dump' | 'check' | 'scrub' | 'mark' | 'copy' | 'survey' | 'carry' | 'remake'")]
    pub verb: String,
    pub folder: Option<Buffer>,
    pub workers: u32,
    pub paths: Option<Vec<Buffer>>,
    pub exclude: Option<Vec<String>>,
    pub ignore_file: Option<Buffer>,
    pub exclude_caches: Option<bool>,
    pub one_file_system: Option<bool>,
    pub no_sockets: Option<bool>,
    pub views: Option<Vec<ViewSpec>>,
    pub parent_root: Option<Buffer>,
    pub parent_hints: Option<Buffer>,
    pub level: Option<i32>,
    pub slots: Option<u32>,
    /// Stored bytes that the repository has, which say how large packs are.
    pub stored: Option<f64>,
    /// Bytes that packs are filled to in any case.
    pub fill: Option<u32>,
    /// A folder on a disk for large packs on their way.
    pub spool: Option<Buffer>,
    pub dry: Option<bool>,
    pub claim: Option<Buffer>,
    pub name: Option<Buffer>,
    pub command: Option<Vec<String>>,
    pub seconds: Option<i64>,
    pub path: Option<Buffer>,
    pub recurse: Option<bool>,
    pub target: Option<Buffer>,
    pub delete: Option<bool>,
    pub pack: Option<String>,
    /// Stored bytes of the pack.
    pub length: Option<f64>,
    pub roots: Option<Vec<Buffer>>,
    pub others: Option<Vec<Buffer>>,
    pub hints: Option<Vec<Buffer>>,
    pub damaged: Option<Vec<String>>,
    /// Of a transfer: the folder of its source, and packs that were copied whole.
    pub other_folder: Option<Buffer>,
    pub whole: Option<Vec<String>>,
}

/// A folder that is read elsewhere: its absolute path, and where what it was stands still.
#[napi(object)]
pub struct ViewSpec {
    pub path: Buffer,
    pub view: Buffer,
}

/// The spec with every buffer copied, so that no thread touches JavaScript's memory.
pub struct Own {
    pub verb: String,
    pub folder: Option<Vec<u8>>,
    pub workers: usize,
    pub paths: Vec<Vec<Vec<u8>>>,
    pub exclude: Vec<String>,
    pub ignore_file: Option<Vec<u8>>,
    pub flags: [bool; 5],
    pub no_sockets: bool,
    pub views: Vec<(Vec<Vec<u8>>, Vec<u8>)>,
    pub parent: Option<([u8; 32], Option<[u8; 32]>)>,
    pub level: i32,
    slots: usize,
    stored: u64,
    fill: Option<usize>,
    spool: Option<Vec<u8>>,
    pub claim: [u8; 16],
    pub name: Vec<u8>,
    pub command: Vec<String>,
    pub seconds: i64,
    pub path: Vec<Vec<u8>>,
    pub target: Vec<u8>,
    pub pack: String,
    pub length: usize,
    pub roots: Vec<[u8; 32]>,
    pub others: Vec<[u8; 32]>,
    pub hints: Vec<[u8; 32]>,
    pub damaged: Vec<String>,
    pub other_folder: Option<Vec<u8>>,
    pub whole: Vec<String>,
}

impl Own {
    pub fn packing(&self) -> Packing {
        let Own { slots, stored, fill, .. } = *self;
        Packing { slots, stored, fill, spool: self.spool.clone() }
    }
}

fn names(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|b| *b == b'/').filter(|n| !n.is_empty()).map(<[u8]>::to_vec).collect()
}

pub fn own(spec: JobSpec) -> Result<Own> {
    let id = |b: Option<Buffer>| b.map(|b| fixed::<32>(&b)).transpose();
    let parent = id(spec.parent_root)?;
    let parent_hints = id(spec.parent_hints)?;
    let ids = |list: Option<Vec<Buffer>>| {
        list.unwrap_or_default().iter().map(|r| fixed(r)).collect::<Result<Vec<[u8; 32]>>>()
    };
    let bytes = |b: Option<Buffer>| b.map(|b| b.to_vec());
    Ok(Own {
        verb: spec.verb,
        folder: bytes(spec.folder),
        workers: spec.workers as usize,
        paths: spec.paths.unwrap_or_default().iter().map(|p| names(p)).collect(),
        exclude: spec.exclude.unwrap_or_default(),
        ignore_file: bytes(spec.ignore_file),
        flags: [spec.exclude_caches, spec.one_file_system, spec.dry, spec.recurse, spec.delete]
            .map(|f| f == Some(true)),
        no_sockets: spec.no_sockets == Some(true),
        views: (spec.views.unwrap_or_default().iter())
            .map(|v| (names(&v.path), v.view.to_vec()))
            .collect(),
        parent: parent.map(|p| (p, parent_hints)),
        level: spec.level.unwrap_or(3),
        slots: spec.slots.unwrap_or(4) as usize,
        stored: spec.stored.unwrap_or(0.0) as u64,
        fill: spec.fill.map(|n| n as usize),
        spool: bytes(spec.spool),
        claim: spec.claim.map_or(Ok([0; 16]), |c| fixed(&c))?,
        name: bytes(spec.name).unwrap_or_default(),
        command: spec.command.unwrap_or_default(),
        seconds: spec.seconds.unwrap_or(0),
        path: names(&spec.path.map(|p| p.to_vec()).unwrap_or_default()),
        target: bytes(spec.target).unwrap_or_default(),
        pack: spec.pack.unwrap_or_default(),
        length: spec.length.unwrap_or(0.0) as usize,
        roots: ids(spec.roots)?,
        others: ids(spec.others)?,
        hints: ids(spec.hints)?,
        damaged: spec.damaged.unwrap_or_default(),
        other_folder: bytes(spec.other_folder),
        whole: spec.whole.unwrap_or_default(),
    })
}
