//! The canonical subset of MessagePack: shortest integers, no maps, no floats, no extensions.
//! A reader rejects everything else, so that equal values have equal bytes.

use crate::error::{Error, Result};

#[derive(Default)]
pub struct Writer {
    pub out: Vec<u8>,
}

impl Writer {
    pub fn array(&mut self, n: usize) {
        match n {
            0..=15 => self.out.push(0x90 | n as u8),
            16..=0xffff => self.head(0xdc, &(n as u16).to_be_bytes()),
            _ => self.head(0xdd, &(n as u32).to_be_bytes()),
        }
    }

    pub fn uint(&mut self, v: u64) {
        match v {
            0..=0x7f => self.out.push(v as u8),
            0x80..=0xff => self.head(0xcc, &[v as u8]),
            0x100..=0xffff => self.head(0xcd, &(v as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.head(0xce, &(v as u32).to_be_bytes()),
            _ => self.head(0xcf, &v.to_be_bytes()),
        }
    }

    pub fn int(&mut self, v: i64) {
        match v {
            0.. => self.uint(v as u64),
            -32..=-1 => self.out.push(v as i8 as u8),
            -128..=-33 => self.head(0xd0, &[v as i8 as u8]),
            -32768..=-129 => self.head(0xd1, &(v as i16).to_be_bytes()),
            -2147483648..=-32769 => self.head(0xd2, &(v as i32).to_be_bytes()),
            _ => self.head(0xd3, &v.to_be_bytes()),
        }
    }

    pub fn bin(&mut self, v: &[u8]) {
        match v.len() {
            n @ 0..=0xff => self.head(0xc4, &[n as u8]),
            n @ 0x100..=0xffff => self.head(0xc5, &(n as u16).to_be_bytes()),
            n => self.head(0xc6, &(n as u32).to_be_bytes()),
        }
        self.out.extend_from_slice(v);
    }

    pub fn str(&mut self, v: &str) {
        match v.len() {
            n @ 0..=31 => self.out.push(0xa0 | n as u8),
            n @ 32..=0xff => self.head(0xd9, &[n as u8]),
            n @ 0x100..=0xffff => self.head(0xda, &(n as u16).to_be_bytes()),
            n => self.head(0xdb, &(n as u32).to_be_bytes()),
        }
        self.out.extend_from_slice(v.as_bytes());
    }

    pub fn nil(&mut self) {
        self.out.push(0xc0);
    }

    fn head(&mut self, code: u8, rest: &[u8]) {
        self.out.push(code);
        self.out.extend_from_slice(rest);
    }
}

/// Arrays lie at most this deep in each other.
pub const DEPTH: usize = 16;

/// Id, whether a reader that does not know it must refuse, and its bytes.
pub type Extension = (u64, bool, Vec<u8>);

pub struct Reader<'a> {
    data: &'a [u8],
    pub at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8]) -> Reader<'a> {
        Reader { data, at: 0 }
    }

    fn fail<T>(&self, what: &str) -> Result<T> {
        Err(Error::Damaged(format!("malformed record at byte {}: {what}", self.at)))
    }

    pub fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        if n > self.data.len() - self.at {
            return self.fail("cut short");
        }
        self.at += n;
        Ok(&self.data[self.at - n..self.at])
    }

    pub fn peek(&self) -> u8 {
        self.data.get(self.at).copied().unwrap_or(0xc1)
    }

    fn be(&mut self, n: usize) -> Result<u64> {
        Ok(self.take(n)?.iter().fold(0, |v, b| v << 8 | u64::from(*b)))
    }

    /// A big-endian number of `n` bytes that would not have fitted a shorter form.
    fn shortest(&mut self, n: usize, least: u64) -> Result<u64> {
        let v = self.be(n)?;
        if v < least {
            return self.fail("a number longer than it need be");
        }
        Ok(v)
    }

    pub fn array(&mut self) -> Result<usize> {
        let n = match self.take(1)?[0] {
            c @ 0x90..=0x9f => u64::from(c & 15),
            0xdc => self.shortest(2, 16)?,
            0xdd => self.shortest(4, 0x1_0000)?,
            _ => return self.fail("no array"),
        };
        // Every element has at least one byte, so a claimed length never costs memory.
        if n as usize > self.data.len() - self.at {
            return self.fail("array longer than its record");
        }
        Ok(n as usize)
    }

    pub fn array_of(&mut self, n: usize) -> Result<()> {
        match self.array()? {
            m if m == n => Ok(()),
            _ => self.fail("array of another length"),
        }
    }

    pub fn uint(&mut self) -> Result<u64> {
        match self.take(1)?[0] {
            c @ 0..=0x7f => Ok(u64::from(c)),
            0xcc => self.shortest(1, 0x80),
            0xcd => self.shortest(2, 0x100),
            0xce => self.shortest(4, 0x1_0000),
            0xcf => self.shortest(8, 0x1_0000_0000),
            _ => self.fail("no unsigned number"),
        }
    }

    pub fn u32(&mut self) -> Result<u32> {
        let v = self.uint()?;
        u32::try_from(v).or_else(|_| self.fail("number above 32 bits"))
    }

    pub fn int(&mut self) -> Result<i64> {
        let (n, most) = match self.peek() {
            c @ 0xe0..=0xff => {
                self.at += 1;
                return Ok(i64::from(c as i8));
            }
            0xd0 => (1, -33),
            0xd1 => (2, -129),
            0xd2 => (4, -32769),
            0xd3 => (8, -2147483649),
            _ => {
                let v = self.uint()?;
                return i64::try_from(v).or_else(|_| self.fail("number above 63 bits"));
            }
        };
        self.at += 1;
        let shift = 64 - 8 * n as u32;
        let v = ((self.be(n)? << shift) as i64) >> shift;
        if v > most {
            return self.fail("a number longer than it need be");
        }
        Ok(v)
    }

    pub fn bin(&mut self) -> Result<&'a [u8]> {
        let n = match self.take(1)?[0] {
            0xc4 => self.be(1)?,
            0xc5 => self.shortest(2, 0x100)?,
            0xc6 => self.shortest(4, 0x1_0000)?,
            _ => return self.fail("no bytes"),
        };
        self.take(n as usize)
    }

    pub fn bin_of<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.bin()?;
        bytes.try_into().or_else(|_| self.fail("bytes of another length"))
    }

    pub fn str(&mut self) -> Result<&'a str> {
        let n = match self.take(1)?[0] {
            c @ 0xa0..=0xbf => u64::from(c & 31),
            0xd9 => self.shortest(1, 32)?,
            0xda => self.shortest(2, 0x100)?,
            0xdb => self.shortest(4, 0x1_0000)?,
            _ => return self.fail("no text"),
        };
        let bytes = self.take(n as usize)?;
        std::str::from_utf8(bytes).or_else(|_| self.fail("text that is not UTF-8"))
    }

    /// Takes a nil when there is one.
    pub fn nil(&mut self) -> bool {
        let found = self.peek() == 0xc0;
        self.at += usize::from(found);
        found
    }

    /// Takes one value of any kind, still in its only form.
    pub fn skip(&mut self) -> Result<()> {
        self.skip_at(0)
    }

    fn skip_at(&mut self, depth: usize) -> Result<()> {
        if depth > DEPTH {
            return self.fail("nested too deep");
        }
        match self.peek() {
            0x90..=0x9f | 0xdc | 0xdd => {
                for _ in 0..self.array()? {
                    self.skip_at(depth + 1)?;
                }
            }
            0xa0..=0xbf | 0xd9..=0xdb => drop(self.str()?),
            0xc4..=0xc6 => drop(self.bin()?),
            0xc0 => self.at += 1,
            0xe0..=0xff | 0xd0..=0xd3 => drop(self.int()?),
            _ => drop(self.uint()?),
        }
        Ok(())
    }

    /// The extension list that ends a record: ids in ascending order, each once.
    pub fn extensions(&mut self) -> Result<Vec<Extension>> {
        let mut out: Vec<Extension> = Vec::new();
        for _ in 0..self.array()? {
            self.array_of(3)?;
            let (id, critical) = (self.uint()?, self.uint()?);
            if critical > 1 || out.last().is_some_and(|e| e.0 >= id) {
                return self.fail("extensions out of order, or neither critical nor not");
            }
            out.push((id, critical == 1, self.bin()?.to_vec()));
        }
        Ok(out)
    }

    /// An extension list of which nothing is known: what is critical is refused by its id.
    pub fn no_extensions(&mut self, what: &str) -> Result<()> {
        match self.extensions()?.iter().find(|e| e.1) {
            Some((id, ..)) => Err(Error::Newer(format!(
                "{what} needs extension {id}, which this holdall does not know"
            ))),
            None => Ok(()),
        }
    }

    pub fn end(&self) -> Result<()> {
        if self.at == self.data.len() {
            return Ok(());
        }
        self.fail("bytes after the end")
    }
}
