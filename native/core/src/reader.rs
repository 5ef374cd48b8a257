//! Chunks by id: found in the table, fetched, opened, and compared with their id, always.

use crate::crypto::same;
use crate::error::{Error, Result};
use crate::expand::Expander;
use crate::fetch::Fetch;
use crate::index::{Place, Table};
use crate::keyring::{Domain, Keyring};
use crate::object::{hex, Header};
use crate::pack::{Id, PackKey, HEADER_TYPE};
use crate::page::{Content, Page};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

pub const DATA: u8 = 0;
pub const PAGE: u8 = 1;
pub const LIST: u8 = 2;

/// What one thread needs to open blocks: the sealed bytes, and what they expand to.
#[derive(Default)]
pub struct Opener {
    sealed: Vec<u8>,
    /// Where in the pack they lie.
    start: u32,
    expander: Expander,
}

type Blocks = (HashMap<(u32, u32), Arc<Vec<u8>>>, VecDeque<(u32, u32)>, usize);

pub struct Reader {
    pub ring: Arc<Keyring>,
    pub table: Arc<Table>,
    pub domain: Arc<Domain>,
    fetch: Arc<dyn Fetch>,
    blocks: Mutex<Blocks>,
    /// Chunks that exist only in memory: the pages of a dry run.
    pub overlay: HashMap<Id, Vec<u8>>,
}

/// Plaintext bytes of opened blocks kept for the next chunk.
const CACHE: usize = 8 << 20;

impl Reader {
    pub fn new(ring: Arc<Keyring>, table: Arc<Table>, fetch: Arc<dyn Fetch>) -> Result<Reader> {
        let domain = ring.domain()?;
        Ok(Reader { ring, table, domain, fetch, blocks: Mutex::default(), overlay: HashMap::new() })
    }

    pub fn id(&self, kind: u8, data: &[u8]) -> Id {
        *blake3::keyed_hash(&self.domain.ids[kind as usize], data).as_bytes()
    }

    pub fn place(&self, id: &Id) -> Result<Place> {
        self.table.place(id).ok_or_else(|| {
            Error::Missing(format!("chunk {} is in no pack that exists", &hex(id)[..16]))
        })
    }

    /// Whether neighbours are better read together.
    pub fn far(&self) -> bool {
        self.fetch.far()
    }

    /// Reads so many stored bytes from a block on.
    pub fn read(&self, place: &Place, length: u32, opener: &mut Opener) -> Result<()> {
        opener.start = place.block.offset;
        opener.sealed.resize(length as usize, 0);
        let name = self.table.packs[place.pack as usize].name();
        self.fetch.fetch(&name, u64::from(opener.start), &mut opener.sealed)
    }

    /// Opens one block of what was read. Its chunks are still to be compared with their ids.
    pub fn open<'a>(&self, place: &Place, opener: &'a mut Opener) -> Result<&'a [u8]> {
        let row = &self.table.packs[place.pack as usize];
        let (name, b) = (row.name(), &place.block);
        let wrap = |e: Error| match e {
            Error::Damaged(m) => Error::Damaged(format!("pack {name}: {m}")),
            other => other,
        };
        let at = (b.offset - opener.start) as usize;
        let sealed = &mut opener.sealed[at..at + b.stored as usize];
        let header = Header::new(HEADER_TYPE, &row.salt, &row.commitment);
        let key = PackKey::find(&self.ring, &header).map_err(wrap)?;
        let (ordinal, offset) = (u64::from(place.ordinal), b.offset as usize);
        let payload = key.open(ordinal, offset, sealed).map_err(wrap)?;
        opener.expander.expand(b.codec, b.plain as usize, payload).map_err(wrap)
    }

    /// Reads and opens one block.
    pub fn block<'a>(&self, place: &Place, opener: &'a mut Opener) -> Result<&'a [u8]> {
        self.read(place, place.block.stored, opener)?;
        self.open(place, opener)
    }

    /// Compares a chunk's bytes with its id.
    pub fn verify(&self, kind: u8, id: &Id, data: &[u8]) -> Result<()> {
        if !same(&self.id(kind, data), id) {
            return Err(Error::Damaged(format!(
                "chunk {} holds other bytes than its id says",
                &hex(id)[..16]
            )));
        }
        Ok(())
    }

    fn cached(&self, place: &Place) -> Result<Arc<Vec<u8>>> {
        let key = (place.pack, place.ordinal);
        if let Some(found) = self.blocks.lock().expect("no panic").0.get(&key) {
            return Ok(found.clone());
        }
        let block = Arc::new(self.block(place, &mut Opener::default())?.to_vec());
        let mut cache = self.blocks.lock().expect("no panic");
        if cache.0.insert(key, block.clone()).is_none() {
            cache.1.push_back(key);
            cache.2 += block.len();
        }
        while cache.2 > CACHE && cache.1.len() > 1 {
            let old = cache.1.pop_front().expect("not empty");
            cache.2 -= cache.0.remove(&old).map_or(0, |b| b.len());
        }
        Ok(block)
    }

    pub fn chunk(&self, kind: u8, id: &Id) -> Result<Vec<u8>> {
        if let Some(data) = self.overlay.get(id) {
            return Ok(data.clone());
        }
        let place = self.place(id)?;
        let block = self.cached(&place)?;
        let data = &block[place.offset as usize..(place.offset + place.length) as usize];
        self.verify(kind, id, data)?;
        Ok(data.to_vec())
    }

    pub fn page(&self, id: &Id) -> Result<Page> {
        Page::decode(&self.chunk(PAGE, id)?)
    }

    /// The chunk ids of a file, its list pages resolved.
    pub fn chunk_ids(&self, content: &Content) -> Result<Vec<Id>> {
        let split = |b: &[u8]| {
            b.chunks_exact(32).map(|c| c.try_into().expect("32 bytes")).collect::<Vec<Id>>()
        };
        match content {
            Content::Ids(ids) => Ok(split(ids)),
            Content::List(level, ids) => {
                let mut ids = split(ids);
                for _ in 0..*level {
                    let mut below = Vec::new();
                    for id in &ids {
                        let list = self.chunk(LIST, id)?;
                        if list.len() % 32 != 0 {
                            return Err(Error::Damaged("list of ids of a wrong length".into()));
                        }
                        below.extend(split(&list));
                    }
                    ids = below;
                }
                Ok(ids)
            }
            _ => Ok(vec![]),
        }
    }
}
