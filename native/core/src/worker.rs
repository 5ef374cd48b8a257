//! One ingest worker: bytes become chunks, new chunks become blocks, blocks go to the sink.

use crate::cut::{Cutter, MAXIMUM, PAGE as PAGE_BYTES};
use crate::error::{Error, Result};
use crate::expand::Expander;
use crate::filling::Part;
use crate::id_set::IdSet;
use crate::index::Table;
use crate::pack::{Id, BLOCK_LIMIT};
use crate::page::{Content, INLINE_IDS};
use crate::reader::{DATA, LIST, PAGE};
use crate::sink::Sink;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

/// Plaintext bytes gathered into one block before it is compressed and sealed: compressible data,
/// incompressible data, pages, lists. Only the first gains by more than 1 MiB.
const BLOCKS: [usize; 4] = [BLOCK_LIMIT, 1 << 20, 1 << 20, 1 << 20];
/// The level that is used when none is asked for.
const USUAL_LEVEL: i32 = 3;
/// Its shortest match, hashes and chains: those of text are its own, with a longer match.
const USUAL: [u32; 3] = [5, 18, 17];
const TEXT: [u32; 3] = [6, 17, 13];
/// Chunks of one block at most: of files of a few bytes a block would hold hundreds of thousands.
const BLOCK_CHUNKS: usize = 1 << 13;
/// Ids of one list page: between these, ending where an id's low bits are zero.
const LIST_AVERAGE: u8 = 0xff;
const LIST_MOST: usize = 2048;
/// Bytes of a chunk from which trying a sample is worth its time, and of that sample.
const TRIED: usize = 16 << 10;
const SAMPLE: usize = 4 << 10;
/// Bytes of a file after a sample that compresses which are not tried.
const UNTRIED: usize = 256 << 10;

/// What all workers of one job share about chunks.
pub struct Chunks {
    pub sink: Arc<Sink>,
    pub table: Arc<Table>,
    ids: [[u8; 32]; 3],
    pub cutter: Cutter,
    claimed: Arc<IdSet>,
    pub new_bytes: AtomicU64,
    level: i32,
    /// A dry run keeps pages here and stores nothing.
    pub dry: Option<Mutex<HashMap<Id, Vec<u8>>>>,
}

impl Chunks {
    /// What is in `claimed` is stored already, or by who put it there, and lies in no table yet.
    pub fn new(
        sink: Arc<Sink>,
        table: Arc<Table>,
        claimed: Arc<IdSet>,
        level: i32,
        dry: bool,
    ) -> Result<Chunks> {
        let domain = sink.ring.domain()?;
        Ok(Chunks {
            sink,
            table,
            ids: domain.ids,
            cutter: Cutter::new(domain.cutter, &domain.cut_key),
            claimed,
            new_bytes: AtomicU64::new(0),
            level,
            dry: dry.then(Mutex::default),
        })
    }

    pub fn id(&self, kind: u8, data: &[u8]) -> Id {
        *blake3::keyed_hash(&self.ids[kind as usize], data).as_bytes()
    }

    /// Whether a pack that exists holds this chunk; `id` has 32 bytes.
    pub fn holds(&self, id: &[u8]) -> bool {
        id.try_into().is_ok_and(|id| self.table.has(id))
    }

    /// True for the one caller that is to store this chunk.
    fn claim(&self, id: &Id) -> bool {
        !self.table.has(id) && self.claimed.insert(id)
    }
}

/// A compressor whose window is a whole block.
fn compressor(level: i32) -> Result<Compressor<'static>> {
    let mut made = Compressor::new(level).map_err(refused)?;
    made.set_parameter(CParameter::WindowLog(BLOCK_LIMIT.ilog2())).map_err(refused)?;
    Ok(made)
}

fn refused(e: std::io::Error) -> Error {
    Error::Invalid(format!("zstd: {e}"))
}

/// Sets the usual level's tables. Its own are made for half of a block: twice the hashes and chains
/// make binaries 4.9 % smaller than blocks of 1 MiB do, for 8 % more time.
fn fit(zstd: &mut Compressor, [least, hashes, chains]: [u32; 3]) -> Result<()> {
    zstd.set_parameter(CParameter::MinMatch(least)).map_err(refused)?;
    zstd.set_parameter(CParameter::HashLog(hashes)).map_err(refused)?;
    zstd.set_parameter(CParameter::ChainLog(chains)).map_err(refused)
}

/// Whether a block is text, by three samples.
fn is_text(plain: &[u8]) -> bool {
    let part = plain.len() / 4;
    (1..4).all(|n| {
        let sample = &plain[n * part..][..part.min(512)];
        sample.iter().all(|b| b.is_ascii() && *b >= b'\t')
    })
}

#[derive(Default)]
struct Builder {
    plain: Vec<u8>,
    chunks: Vec<(Id, u32)>,
}

pub struct Worker {
    pub chunks: Arc<Chunks>,
    /// Compressible data, incompressible data, pages, lists.
    builders: [Builder; 4],
    zstd: Compressor<'static>,
    probe: Compressor<'static>,
    packed: Vec<u8>,
    expander: Expander,
    /// Bytes that are taken for compressible as what came before was.
    untried: usize,
    /// The read buffer, kept from file to file.
    pub buffer: Vec<u8>,
}

impl Worker {
    pub fn new(chunks: Arc<Chunks>) -> Result<Worker> {
        let (zstd, probe) = (compressor(chunks.level)?, compressor(-5)?);
        Ok(Worker {
            chunks,
            builders: Default::default(),
            zstd,
            probe,
            packed: Vec::new(),
            expander: Expander::default(),
            untried: 0,
            buffer: Vec::new(),
        })
    }

    /// Stores a chunk unless the repository has it; returns its id.
    pub fn chunk(&mut self, kind: u8, data: &[u8]) -> Result<Id> {
        let id = self.chunks.id(kind, data);
        if !self.chunks.claim(&id) {
            return Ok(id);
        }
        self.chunks.new_bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        if let Some(pages) = &self.chunks.dry {
            if kind != DATA {
                pages.lock().expect("no panic").insert(id, data.to_vec());
            }
            return Ok(id);
        }
        let which = match kind {
            DATA => usize::from(self.is_dense(data)),
            PAGE => 2,
            _ => 3,
        };
        let builder = &self.builders[which];
        let full = builder.plain.len() + data.len() > BLOCKS[which].max(data.len());
        if full || builder.chunks.len() == BLOCK_CHUNKS {
            self.flush(which)?;
        }
        let builder = &mut self.builders[which];
        // Doubling would end at twice a block's size.
        if builder.plain.len() + data.len() > BLOCKS[which] / 2 {
            let room = BLOCKS[which].max(data.len()) - builder.plain.len();
            builder.plain.reserve_exact(room);
        }
        builder.plain.extend_from_slice(data);
        builder.chunks.push((id, data.len() as u32));
        Ok(id)
    }

    /// Whether a sample of the data does not compress. To try every page of a database would be to
    /// compress it twice; where what does not is taken along, only time is lost.
    fn is_dense(&mut self, data: &[u8]) -> bool {
        let small = data.len() < TRIED && data.len() != PAGE_BYTES;
        if small || self.untried >= data.len() {
            self.untried = self.untried.saturating_sub(data.len());
            return false;
        }
        let middle = (data.len() - SAMPLE) / 2;
        let mut out = [0u8; SAMPLE + 256];
        let tried = self.probe.compress_to_buffer(&data[middle..middle + SAMPLE], &mut out[..]);
        let dense = tried.map_or(true, |n| n > SAMPLE - SAMPLE / 40);
        self.untried = if dense { 0 } else { UNTRIED };
        dense
    }

    fn flush(&mut self, which: usize) -> Result<()> {
        let builder = &mut self.builders[which];
        if builder.chunks.is_empty() {
            return Ok(());
        }
        let kind = [DATA, DATA, PAGE, LIST][which];
        let mut codec = 0;
        if which != 1 {
            self.packed.clear();
            self.packed.reserve_exact(zstd::zstd_safe::compress_bound(builder.plain.len()));
            if self.chunks.level == USUAL_LEVEL {
                fit(&mut self.zstd, if is_text(&builder.plain) { TEXT } else { USUAL })?;
            }
            let made = self.zstd.compress_to_buffer(&builder.plain, &mut self.packed);
            let n = made.map_err(refused)?;
            codec = u8::from(n + n / 64 < builder.plain.len());
        }
        let Builder { plain, chunks } = builder;
        let payload = if codec == 0 { plain.len() } else { self.packed.len() };
        let part = Part { kind, codec, plain: plain.len(), payload, chunks };
        self.chunks.sink.add(&part, plain, &mut self.packed, &mut self.expander)?;
        plain.clear();
        chunks.clear();
        self.chunks.sink.index(false)
    }

    pub fn finish(&mut self) -> Result<()> {
        (0..4).try_for_each(|which| self.flush(which))
    }

    /// Stores an encoded page.
    pub fn page(&mut self, page: Vec<u8>) -> Result<Id> {
        self.chunk(PAGE, &page)
    }

    /// The key under which names choose where pages end.
    pub fn page_key(&self) -> &[u8; 32] {
        &self.chunks.ids[PAGE as usize]
    }

    /// Lengths of the chunks of `data`. Unless `last`, a tail that may still grow is left out.
    pub fn lengths(&self, data: &[u8], paged: bool, last: bool) -> Vec<usize> {
        let mut out = Vec::new();
        let mut rest = data;
        let need = if paged { PAGE_BYTES } else { MAXIMUM };
        while !rest.is_empty() && (last || rest.len() >= need) {
            let n = if paged { rest.len().min(PAGE_BYTES) } else { self.chunks.cutter.next(rest) };
            out.push(n);
            rest = &rest[n..];
        }
        out
    }

    /// Stores the chunks of `data` that `lengths` gave; returns their ids.
    pub fn store(&mut self, mut data: &[u8], lengths: &[usize]) -> Result<Vec<u8>> {
        let mut ids = Vec::with_capacity(lengths.len() * 32);
        // Another file's bytes say nothing of this one's.
        self.untried = 0;
        for n in lengths {
            let (part, rest) = data.split_at(*n);
            ids.extend_from_slice(&self.chunk(DATA, part)?);
            data = rest;
        }
        Ok(ids)
    }

    /// Ids of a file become its content: inline when few, list pages when many.
    pub fn content(&mut self, mut ids: Vec<u8>) -> Result<Content> {
        let mut level = 0;
        while ids.len() > INLINE_IDS * 32 {
            let mut above = Vec::new();
            let mut start = 0;
            for end in (32..=ids.len()).step_by(32) {
                let n = (end - start) / 32;
                if (n >= 16 && ids[end - 1] & LIST_AVERAGE == 0)
                    || n == LIST_MOST
                    || end == ids.len()
                {
                    let id = self.chunk(LIST, &ids[start..end])?;
                    above.extend_from_slice(&id);
                    start = end;
                }
            }
            ids = above;
            level += 1;
        }
        Ok(match (level, ids.is_empty()) {
            (0, true) => Content::None,
            (0, false) => Content::Ids(ids),
            _ => Content::List(level, ids),
        })
    }
}
