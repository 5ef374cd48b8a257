//! All keys of an opened repository. They are born here, wrapped here, and never leave.

use crate::crypto::{derive, random, same, Key, ObjectKey, TAG};
use crate::cut;
use crate::error::{Error, Result};
use crate::msgpack::{Reader, Writer};
use crate::object::{self, Header, Type, HEADER};
use std::sync::Arc;

/// Ceilings on what a stored slot may ask of a reader: 4 GiB, 64 passes, 64 lanes.
pub const KDF_CEILING: (u32, u32, u32) = (4 << 20, 64, 64);
/// Floor on creation: 64 MiB, 3 passes.
pub const KDF_FLOOR: (u32, u32) = (64 << 10, 3);

/// Numbers of roles.
const CONTROL: u8 = 1;
const INDEX: u8 = 2;
const ADMIN: u8 = 3;

#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(u8)]
pub enum Secret {
    Passphrase = 1,
    Recovery = 2,
    KeyFile = 3,
}

#[derive(Clone)]
pub struct Domain {
    pub id: [u8; 16],
    pub label: String,
    pub cut_key: Key,
    pub cutter: u8,
    pub ids: [Key; 3],
}

#[derive(Clone)]
pub struct Epoch {
    pub id: [u8; 16],
    pub domain: [u8; 16],
    pub key: Key,
}

#[derive(Clone)]
pub struct Keyring {
    pub root: Key,
    pub lineage: [u8; 16],
    pub replica: [u8; 16],
    pub domains: Vec<Arc<Domain>>,
    pub epochs: Vec<Epoch>,
    roles: Vec<(u8, Key)>,
}

impl Keyring {
    pub fn generate() -> Keyring {
        Keyring {
            root: random(),
            lineage: random(),
            replica: random(),
            domains: vec![],
            epochs: vec![],
            roles: vec![],
        }
    }

    pub fn fingerprint(&self) -> [u8; 16] {
        derive("holdall v1 root fingerprint", &[&self.root])[..16].try_into().expect("16 bytes")
    }

    /// Wraps the root key. `cost` is Argon2id's (m in KiB, t, p); zeros for 256-bit secrets.
    pub fn seal_slot(
        &self,
        kind: Secret,
        secret: &[u8],
        cost: (u32, u32, u32),
        label: &str,
        created: u64,
    ) -> Result<Vec<u8>> {
        if kind == Secret::Passphrase && (cost.0 < KDF_FLOOR.0 || cost.1 < KDF_FLOOR.1) {
            return Err(Error::Invalid(
                "a passphrase needs at least 64 MiB and 3 passes of Argon2id".into(),
            ));
        }
        let salt = random::<32>();
        let key = slot_key(kind, secret, &salt, cost)?;
        let mut clear = Writer::default();
        clear.array(6);
        clear.uint(kind as u64);
        clear.bin(&self.fingerprint());
        for n in [cost.0, cost.1, cost.2] {
            clear.uint(u64::from(n));
        }
        clear.array(0);
        let mut body = Writer::default();
        body.array(5);
        body.bin(&self.root);
        body.bin(&self.lineage);
        body.str(label);
        body.uint(created);
        body.array(0);
        let mut aad = Header::new(Type::Slot, &salt, &key.commitment).bytes.to_vec();
        aad.extend_from_slice(&(clear.out.len() as u16).to_le_bytes());
        aad.extend_from_slice(&clear.out);
        Ok(object::close(&key, &aad, &aad, &body.out))
    }

    /// Opens a slot; `None` when the secret is not this slot's.
    pub fn open_slot(data: &[u8], kind: Secret, secret: &[u8]) -> Result<Option<Keyring>> {
        let info = slot_info(data)?;
        if info.kind != kind as u8 {
            return Ok(None);
        }
        let header = Header::parse(data, Type::Slot)?;
        let key = slot_key(kind, secret, header.salt(), info.cost)?;
        if !same(&key.commitment, header.commitment()) {
            return Ok(None);
        }
        let plain = object::unclose(Type::Slot, &key, &data[..info.end], info.end, data)?;
        let mut r = Reader::new(&plain);
        r.array_of(5)?;
        let (root, lineage) = (r.bin_of::<32>()?, r.bin_of::<16>()?);
        let (_label, _created) = (r.str()?, r.uint()?);
        r.no_extensions("slot")?;
        r.end()?;
        let ring = Keyring {
            root,
            lineage,
            replica: [0; 16],
            domains: vec![],
            epochs: vec![],
            roles: vec![],
        };
        if ring.fingerprint() != info.fingerprint {
            return Err(Error::Damaged("slot names another root key than it holds".into()));
        }
        Ok(Some(ring))
    }

    /// Makes a domain with its first epoch; returns both sealed for the store.
    pub fn new_domain(&mut self, label: &str, cutter: u8, uploads: [[u8; 16]; 2]) -> [Vec<u8>; 2] {
        let (id, id_key, cut_key) = (random::<16>(), random::<32>(), random::<32>());
        let mut w = Writer::default();
        w.array(6);
        w.bin(&id);
        w.str(label);
        w.bin(&id_key);
        w.bin(&cut_key);
        w.uint(u64::from(cutter));
        w.array(0);
        let epoch = Epoch { id: random(), domain: id, key: random() };
        let mut e = Writer::default();
        e.array(4);
        e.bin(&epoch.id);
        e.bin(&epoch.domain);
        e.bin(&epoch.key);
        e.array(0);
        self.domains.push(Arc::new(domain(id, label, &id_key, cut_key, cutter)));
        self.epochs.push(epoch);
        [self.wrap(Type::Domain, &uploads[0], &w.out), self.wrap(Type::Epoch, &uploads[1], &e.out)]
    }

    pub fn new_role(&mut self, role: u8, upload: [u8; 16]) -> Vec<u8> {
        let key = random::<32>();
        let mut w = Writer::default();
        w.array(3);
        w.uint(u64::from(role));
        w.bin(&key);
        w.array(0);
        self.roles.push((role, key));
        self.wrap(Type::Role, &upload, &w.out)
    }

    fn wrap(&self, kind: Type, upload: &[u8; 16], content: &[u8]) -> Vec<u8> {
        object::seal(kind, &self.root, &self.lineage, &self.lineage, upload, content)
    }

    /// Takes a stored domain, epoch or role key into the ring.
    pub fn load(&mut self, data: &[u8], upload: &[u8; 16]) -> Result<()> {
        let kind = match data.get(8) {
            Some(3) => Type::Domain,
            Some(4) => Type::Epoch,
            _ => Type::Role,
        };
        let plain = object::open(kind, &self.root, &self.lineage, &self.lineage, upload, data)?
            .ok_or_else(|| {
                Error::Missing("the key object is sealed under a key that is not here".into())
            })?;
        let mut r = Reader::new(&plain);
        match kind {
            Type::Domain => {
                r.array_of(6)?;
                let (id, label, id_key) = (r.bin_of()?, r.str()?, r.bin_of()?);
                let (cut_key, cutter) = (r.bin_of()?, r.uint()?);
                if cutter != u64::from(cut::AES) && cutter != u64::from(cut::GEAR) {
                    return Err(Error::Newer(format!("domain is cut by unknown cutter {cutter}")));
                }
                self.take_domain(domain(id, label, &id_key, cut_key, cutter as u8))?;
            }
            Type::Epoch => {
                r.array_of(4)?;
                self.take_epoch(Epoch { id: r.bin_of()?, domain: r.bin_of()?, key: r.bin_of()? })?;
            }
            _ => {
                r.array_of(3)?;
                let role = u8::try_from(r.uint()?);
                let role = role.map_err(|_| Error::Newer("role of an unknown number".into()))?;
                self.take_role(role, r.bin_of()?)?;
            }
        }
        r.no_extensions(kind.name())?;
        r.end()
    }

    // Taking a key a second time changes nothing; another key under the same id is refused.

    fn take_domain(&mut self, new: Domain) -> Result<()> {
        match self.domains.iter().find(|d| d.id == new.id) {
            None => self.domains.push(Arc::new(new)),
            Some(d) if d.ids == new.ids && d.cut_key == new.cut_key => {}
            Some(_) => return Err(twice("domain")),
        }
        Ok(())
    }

    fn take_epoch(&mut self, new: Epoch) -> Result<()> {
        match self.epochs.iter().find(|e| e.id == new.id) {
            None => self.epochs.push(new),
            Some(e) if e.key == new.key && e.domain == new.domain => {}
            Some(_) => return Err(twice("epoch")),
        }
        Ok(())
    }

    fn take_role(&mut self, role: u8, key: Key) -> Result<()> {
        match self.roles.iter().find(|(r, _)| *r == role) {
            None => self.roles.push((role, key)),
            Some((_, k)) if *k == key => {}
            Some(_) => return Err(twice("role")),
        }
        Ok(())
    }

    /// The key that seals objects of this type, and what their sealing is bound to.
    fn source(&self, kind: Type) -> Result<(&Key, &[u8; 16])> {
        let role = match kind {
            Type::Config => return Ok((&self.root, &self.lineage)),
            Type::Section => {
                let epoch = self.epochs.last();
                return epoch
                    .map(|e| (&e.key, &self.replica))
                    .ok_or_else(|| Error::Missing("no domain key is here".into()));
            }
            Type::Index => INDEX,
            _ => CONTROL,
        };
        Ok((self.role(role)?, &self.replica))
    }

    fn role(&self, role: u8) -> Result<&Key> {
        let key = self.roles.iter().find(|(r, _)| *r == role).map(|(_, k)| k);
        let name = match role {
            CONTROL => "control",
            INDEX => "index",
            _ => "admin",
        };
        let text = || format!("the {name} key is not here: its key object is missing or damaged");
        key.ok_or_else(|| Error::Missing(text()))
    }

    /// The tag that a record which deletes carries inside: only who holds the admin key makes it.
    pub fn authority(&self, kind: Type, upload: &[u8; 16], content: &[u8]) -> Result<Key> {
        let key = derive("holdall v1 authority", &[self.role(ADMIN)?, &self.replica]);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(&[kind as u8]).update(upload).update(content);
        Ok(*hasher.finalize().as_bytes())
    }

    pub fn seal(&self, kind: Type, upload: &[u8; 16], content: &[u8]) -> Result<Vec<u8>> {
        let (key, binding) = self.source(kind)?;
        Ok(object::seal(kind, key, &self.lineage, binding, upload, content))
    }

    pub fn open(&self, kind: Type, upload: &[u8; 16], data: &[u8]) -> Result<Vec<u8>> {
        let not_here =
            || Error::Missing(format!("{} is sealed under a key that is not here", kind.name()));
        if kind == Type::Section {
            for e in &self.epochs {
                let (key, lineage, binding) = (&e.key, &self.lineage, &self.replica);
                if let Some(plain) = object::open(kind, key, lineage, binding, upload, data)? {
                    return Ok(plain);
                }
            }
            return Err(not_here());
        }
        let (key, binding) = self.source(kind)?;
        object::open(kind, key, &self.lineage, binding, upload, data)?.ok_or_else(not_here)
    }

    pub fn domain(&self) -> Result<Arc<Domain>> {
        self.domains.first().cloned().ok_or_else(|| Error::Missing("no domain key is here".into()))
    }
}

fn twice(what: &str) -> Error {
    Error::Damaged(format!("two keys of this {what} differ"))
}

fn domain(id: [u8; 16], label: &str, id_key: &Key, cut_key: Key, cutter: u8) -> Domain {
    let ids = ["data", "page", "list"].map(|k| derive(&format!("holdall v1 id {k}"), &[id_key]));
    Domain { id, label: label.to_string(), cut_key, cutter, ids }
}

pub struct SlotInfo {
    pub kind: u8,
    pub fingerprint: [u8; 16],
    pub cost: (u32, u32, u32),
    end: usize,
}

/// What a slot says without any secret.
pub fn slot_info(data: &[u8]) -> Result<SlotInfo> {
    Header::parse(data, Type::Slot)?;
    let short = || Error::Damaged("slot is cut short".into());
    let length = data.get(HEADER..HEADER + 2).ok_or_else(short)?;
    let end = HEADER + 2 + usize::from(u16::from_le_bytes(length.try_into().expect("2 bytes")));
    if data.len() < end + 4 + TAG {
        return Err(short());
    }
    let mut r = Reader::new(&data[HEADER + 2..end]);
    r.array_of(6)?;
    let (kind, fingerprint) = (r.uint()?, r.bin_of()?);
    let cost = (r.u32()?, r.u32()?, r.u32()?);
    r.no_extensions("slot")?;
    r.end()?;
    let kind = u8::try_from(kind).map_err(|_| Error::Newer(format!("slot of kind {kind}")))?;
    if kind != Secret::Passphrase as u8 && cost != (0, 0, 0) {
        return Err(Error::Damaged("slot of a 256-bit secret asks for a key derivation".into()));
    }
    Ok(SlotInfo { kind, fingerprint, cost, end })
}

fn slot_key(
    kind: Secret,
    secret: &[u8],
    salt: &[u8; 32],
    cost: (u32, u32, u32),
) -> Result<ObjectKey> {
    let mut kek = [0u8; 32];
    if kind == Secret::Passphrase {
        if cost.0 > KDF_CEILING.0 || cost.1 > KDF_CEILING.1 || cost.2 > KDF_CEILING.2 {
            return Err(Error::Costly(format!(
                "key slot asks for {} MiB, {} passes and {} lanes, above the ceiling",
                cost.0 >> 10,
                cost.1,
                cost.2
            )));
        }
        let bad = |e| Error::Damaged(format!("key slot has impossible costs: {e}"));
        let params = argon2::Params::new(cost.0, cost.1, cost.2, Some(32)).map_err(bad)?;
        argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
            .hash_password_into(secret, salt, &mut kek)
            .map_err(bad)?;
    } else {
        kek =
            secret.try_into().map_err(|_| Error::Invalid("the key is not 32 bytes long".into()))?;
    }
    Ok(ObjectKey::derive("holdall v1 slot", &[&kek, salt]))
}
