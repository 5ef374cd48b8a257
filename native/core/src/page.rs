//! Manifest pages: the entries of a folder, and the hints that lie beside them.

use crate::error::{Error, Result};
use crate::msgpack::{Extension, Reader, Writer};
use crate::pack::Id;

pub const LEAF: u64 = 1;
pub const NODE: u64 = 2;
pub const HINT_LEAF: u64 = 3;
pub const HINT_NODE: u64 = 4;
/// A page never grows past this many bytes (one entry alone may, up to a block).
pub const PAGE_LIMIT: usize = 256 << 10;
/// A page ends after an entry whose keyed name hash has these low bits zero.
pub const BOUNDARY: u64 = (1 << 9) - 1;
/// Ids that an entry holds itself; more go to list pages.
pub const INLINE_IDS: usize = 128;

/// Most levels of list pages above a file's chunks.
pub const LEVELS: u64 = 8;

pub const FILE: u8 = 0;
pub const DIR: u8 = 1;
pub const LINK: u8 = 2;
pub const CHAR: u8 = 3;
pub const BLOCK: u8 = 4;
pub const FIFO: u8 = 5;
pub const SOCKET: u8 = 6;
/// The kind that an entry this reader must refuse is given; never stored.
pub const REFUSED: u8 = 255;

/// Entry kinds end here; what lies above `SOCKET` is for later versions.
pub const KINDS_MOST: u64 = 127;

/// Extensions of an entry: id, whether critical, and whether this reader knows what it says.
pub const ENTRY_EXTENSIONS: [(u64, bool, bool); 7] = [
    (EXT_EXTENTS, true, true),
    (EXT_FLAGS, false, true),
    (EXT_BIRTH, false, false),
    (EXT_PROJECT, false, false),
    (EXT_LARGE, true, false),
    (EXT_PARTIAL, true, true),
    (EXT_LEFT_OUT, true, true),
];
pub const EXT_EXTENTS: u64 = 1;
pub const EXT_FLAGS: u64 = 2;
pub const EXT_BIRTH: u64 = 3;
pub const EXT_PROJECT: u64 = 4;
pub const EXT_LARGE: u64 = 5;
pub const EXT_PARTIAL: u64 = 6;
pub const EXT_LEFT_OUT: u64 = 7;

#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Summary {
    pub entries: u64,
    pub files: u64,
    pub bytes: u64,
}

impl Summary {
    pub fn add(&mut self, other: &Summary) {
        self.entries += other.entries;
        self.files += other.files;
        self.bytes += other.bytes;
    }

    fn write(&self, w: &mut Writer) {
        w.array(3);
        [self.entries, self.files, self.bytes].iter().for_each(|n| w.uint(*n));
    }

    fn read(r: &mut Reader) -> Result<Summary> {
        r.array_of(3)?;
        Ok(Summary { entries: r.uint()?, files: r.uint()?, bytes: r.uint()? })
    }
}

#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    None,
    /// Chunk ids, 32 bytes each.
    Ids(Vec<u8>),
    /// Ids of list pages, `level` steps above the chunks.
    List(u64, Vec<u8>),
    Dir(Id, Summary),
    Target(Vec<u8>),
    Device(u32, u32),
    /// An entry of a later version, with the reason why this reader leaves it out.
    Refused(String),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    pub name: Vec<u8>,
    pub kind: u8,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: (i64, u32),
    pub size: u64,
    pub content: Content,
    pub link: Option<u64>,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub ext: Vec<Extension>,
}

impl Entry {
    pub fn ext(&self, id: u64) -> Option<&[u8]> {
        self.ext.iter().find(|e| e.0 == id).map(|e| &e.2[..])
    }

    /// Whether the folder may hold more than it lists, so that nothing may be deleted in it.
    pub fn keeps(&self) -> bool {
        [EXT_PARTIAL, EXT_LEFT_OUT].iter().any(|id| self.ext(*id).is_some())
    }

    pub fn summary(&self) -> Summary {
        let mut own = Summary { entries: 1, files: u64::from(self.kind == FILE), bytes: 0 };
        match &self.content {
            Content::Dir(_, below) => own.add(below),
            _ if self.kind == FILE => own.bytes = self.size,
            _ => {}
        }
        own
    }

    pub fn encode(&self, w: &mut Writer) {
        w.array(12);
        w.bin(&self.name);
        [u32::from(self.kind), self.mode, self.uid, self.gid]
            .iter()
            .for_each(|n| w.uint(u64::from(*n)));
        w.int(self.mtime.0);
        w.uint(u64::from(self.mtime.1));
        w.uint(self.size);
        match &self.content {
            Content::None | Content::Refused(_) => w.nil(),
            Content::Ids(ids) | Content::Target(ids) => w.bin(ids),
            Content::List(level, ids) => {
                w.array(2);
                w.uint(*level);
                w.bin(ids);
            }
            Content::Dir(id, summary) => {
                w.array(2);
                w.bin(id);
                summary.write(w);
            }
            Content::Device(major, minor) => {
                w.array(2);
                w.uint(u64::from(*major));
                w.uint(u64::from(*minor));
            }
        }
        match self.link {
            Some(n) => w.uint(n),
            None => w.nil(),
        }
        w.array(self.xattrs.len());
        for (name, value) in &self.xattrs {
            w.array(2);
            w.bin(name);
            w.bin(value);
        }
        let mut ext: Vec<_> = self.ext.iter().collect();
        ext.sort_unstable_by_key(|e| e.0);
        w.array(ext.len());
        for (id, critical, bytes) in ext {
            w.array(3);
            w.uint(*id);
            w.uint(u64::from(*critical));
            w.bin(bytes);
        }
    }

    pub fn decode(r: &mut Reader) -> Result<Entry> {
        r.array_of(12)?;
        let name = r.bin()?.to_vec();
        if name.is_empty()
            || name == b"."
            || name == b".."
            || name.contains(&b'/')
            || name.contains(&0)
        {
            return Err(Error::Damaged(format!(
                "entry name {:?} is not a name",
                String::from_utf8_lossy(&name)
            )));
        }
        let kind = r.uint()?;
        let (mode, uid, gid) = (r.u32()?, r.u32()?, r.u32()?);
        let mtime = (r.int()?, r.u32()?);
        let size = r.uint()?;
        if kind > KINDS_MOST || mode > 0o7777 || mtime.1 > 999_999_999 {
            return Err(Error::Damaged("entry of impossible kind, mode or time".into()));
        }
        let mut kind = kind as u8;
        let mut content = decode_content(r, kind)?;
        let link = if r.nil() { None } else { Some(r.uint()?) };
        let mut xattrs: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for _ in 0..r.array()? {
            r.array_of(2)?;
            xattrs.push((r.bin()?.to_vec(), r.bin()?.to_vec()));
        }
        ordered(xattrs.iter().map(|x| &x.0[..]))?;
        let ext = r.extensions()?;
        let known = |id| ENTRY_EXTENSIONS.iter().any(|e| e.0 == id && e.2);
        let unknown = |e: &&Extension| e.1 && !known(e.0);
        if let Some((id, ..)) = ext.iter().find(unknown) {
            content = Content::Refused(format!(
                "left out: it needs extension {id}, which this holdall does not know"
            ));
            // Never taken for the entry it was: neither restored nor reused as a parent.
            kind = REFUSED;
        }
        Ok(Entry { name, kind, mode, uid, gid, mtime, size, content, link, xattrs, ext })
    }
}

fn decode_content(r: &mut Reader, kind: u8) -> Result<Content> {
    let ids = |bytes: &[u8]| match bytes.len() % 32 {
        0 if !bytes.is_empty() => Ok(bytes.to_vec()),
        _ => Err(Error::Damaged("chunk ids of a wrong length".into())),
    };
    match kind {
        DIR => {
            r.array_of(2)?;
            Ok(Content::Dir(r.bin_of()?, Summary::read(r)?))
        }
        LINK => Ok(Content::Target(r.bin()?.to_vec())),
        CHAR | BLOCK => {
            r.array_of(2)?;
            Ok(Content::Device(r.u32()?, r.u32()?))
        }
        FILE if (0x90..=0x9f).contains(&r.peek()) => {
            r.array_of(2)?;
            let level = r.uint()?;
            if !(1..=LEVELS).contains(&level) {
                return Err(Error::Damaged("chunk list of impossible depth".into()));
            }
            Ok(Content::List(level, ids(r.bin()?)?))
        }
        _ if kind > SOCKET => {
            r.skip()?;
            Ok(Content::Refused(format!("left out: kind {kind} is unknown to this holdall")))
        }
        _ if r.nil() => Ok(Content::None),
        FILE => Ok(Content::Ids(ids(r.bin()?)?)),
        _ => Err(Error::Damaged("content on an entry that has none".into())),
    }
}

/// What the last scan saw of one entry; inode 0 means: read it again.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Hint {
    pub inode: u64,
    pub ctime: (i64, u32),
}

pub enum Page {
    Leaf(Vec<Entry>),
    Node(Vec<(Vec<u8>, Id, Summary)>),
    HintLeaf(Vec<Hint>, Vec<Id>),
    HintNode(Vec<Id>),
}

impl Page {
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::default();
        w.array(3);
        match self {
            Page::Leaf(entries) => {
                w.uint(LEAF);
                w.array(entries.len());
                entries.iter().for_each(|e| e.encode(&mut w));
            }
            Page::Node(children) => {
                w.uint(NODE);
                w.array(children.len());
                for (name, id, summary) in children {
                    w.array(3);
                    w.bin(name);
                    w.bin(id);
                    summary.write(&mut w);
                }
            }
            Page::HintLeaf(hints, children) => {
                w.uint(HINT_LEAF);
                w.array(4);
                w.array(hints.len());
                hints.iter().for_each(|h| w.uint(h.inode));
                w.array(hints.len());
                hints.iter().for_each(|h| w.int(h.ctime.0));
                w.array(hints.len());
                hints.iter().for_each(|h| w.uint(u64::from(h.ctime.1)));
                w.bin(&children.concat());
            }
            Page::HintNode(ids) => {
                w.uint(HINT_NODE);
                w.bin(&ids.concat());
            }
        }
        w.array(0);
        w.out
    }

    pub fn decode(data: &[u8]) -> Result<Page> {
        let mut r = Reader::new(data);
        r.array_of(3)?;
        let page = match r.uint()? {
            LEAF => {
                let entries =
                    (0..r.array()?).map(|_| Entry::decode(&mut r)).collect::<Result<Vec<_>>>()?;
                ordered(entries.iter().map(|e| &e.name[..]))?;
                Page::Leaf(entries)
            }
            NODE => {
                let mut children = Vec::new();
                for _ in 0..r.array()? {
                    r.array_of(3)?;
                    children.push((r.bin()?.to_vec(), r.bin_of()?, Summary::read(&mut r)?));
                }
                ordered(children.iter().map(|c| &c.0[..]))?;
                Page::Node(children)
            }
            HINT_LEAF => hint_leaf(&mut r)?,
            HINT_NODE => Page::HintNode(ids(r.bin()?)?),
            n => return Err(Error::Newer(format!("page of unknown kind {n}"))),
        };
        r.no_extensions("page")?;
        r.end()?;
        Ok(page)
    }
}

fn hint_leaf(r: &mut Reader) -> Result<Page> {
    r.array_of(4)?;
    let inodes = (0..r.array()?).map(|_| r.uint()).collect::<Result<Vec<_>>>()?;
    r.array_of(inodes.len())?;
    let seconds = (0..inodes.len()).map(|_| r.int()).collect::<Result<Vec<_>>>()?;
    r.array_of(inodes.len())?;
    let mut hints = Vec::with_capacity(inodes.len());
    for (inode, s) in inodes.into_iter().zip(seconds) {
        hints.push(Hint { inode, ctime: (s, r.u32()?) });
    }
    Ok(Page::HintLeaf(hints, ids(r.bin()?)?))
}

fn ids(bytes: &[u8]) -> Result<Vec<Id>> {
    if !bytes.len().is_multiple_of(32) {
        return Err(Error::Damaged("ids of a wrong length".into()));
    }
    Ok(bytes.chunks_exact(32).map(|c| c.try_into().expect("32 bytes")).collect())
}

fn ordered<'a>(names: impl Iterator<Item = &'a [u8]>) -> Result<()> {
    let mut last: Option<&[u8]> = None;
    for name in names {
        if last.is_some_and(|l| l >= name) {
            return Err(Error::Damaged("names are not in order, each once".into()));
        }
        last = Some(name);
    }
    Ok(())
}
