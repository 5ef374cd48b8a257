//! The keyring and the index as objects of JavaScript; neither ever shows what it holds.

use crate::bridge::throw;
use holdall_core::crypto::same;
use holdall_core::keyring::{slot_info, Keyring as Ring, Secret};
use holdall_core::object::{object_name, Type};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::sync::{Arc, Mutex};

pub fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| {
        Error::from_reason(format!("invalid: expected {N} bytes, got {}", bytes.len()))
    })
}

/// A sealed object and the name it is to be stored under, without its folder.
#[napi(object)]
pub struct Sealed {
    pub name: String,
    pub bytes: Buffer,
}

pub fn sealed(upload: &[u8; 16], bytes: Vec<u8>) -> Sealed {
    Sealed { name: object_name(&bytes, upload), bytes: bytes.into() }
}

pub fn upload(name: &str) -> Result<[u8; 16]> {
    let hex = name.split_once('-').map(|(_, u)| u).filter(|u| u.len() == 32 && u.is_ascii());
    let bytes: Option<Vec<u8>> = hex
        .and_then(|h| (0..16).map(|i| u8::from_str_radix(&h[i * 2..i * 2 + 2], 16).ok()).collect());
    fixed(
        &bytes.ok_or_else(|| {
            Error::from_reason(format!("damaged: {name} is not an object's name"))
        })?,
    )
}

/// What opens a key slot.
#[napi(string_enum = "lowercase")]
pub enum SecretKind {
    Passphrase,
    Recovery,
    Keyfile,
}

impl From<SecretKind> for Secret {
    fn from(kind: SecretKind) -> Secret {
        match kind {
            SecretKind::Passphrase => Secret::Passphrase,
            SecretKind::Recovery => Secret::Recovery,
            SecretKind::Keyfile => Secret::KeyFile,
        }
    }
}

/// What a key slot says without any secret.
#[napi(object)]
pub struct SlotFacts {
    pub kind: u32,
    pub fingerprint: String,
    pub memory_ki_b: u32,
}

/// What Argon2id costs.
#[napi(object)]
pub struct KdfCost {
    /// Memory in KiB.
    pub memory_ki_b: u32,
    pub passes: u32,
    pub lanes: u32,
}

/// Reads a key slot without any secret.
#[napi(catch_unwind)]
pub fn read_slot(bytes: Buffer) -> Result<SlotFacts> {
    let info = slot_info(&bytes).map_err(throw)?;
    Ok(SlotFacts {
        kind: u32::from(info.kind),
        fingerprint: holdall_core::object::hex(&info.fingerprint),
        memory_ki_b: info.cost.0,
    })
}

/// `hex(BLAKE3(bytes))`: what an object's name must begin with.
#[napi]
pub fn content_hash(bytes: Buffer) -> String {
    holdall_core::object::object_name(&bytes, &[0; 16])[..64].to_string()
}

/// All keys of a repository; none can be read out.
#[napi]
pub struct Keyring {
    pub(crate) ring: Arc<Mutex<Ring>>,
}

#[napi]
impl Keyring {
    /// New random root, lineage and replica.
    #[napi(factory)]
    pub fn generate() -> Keyring {
        Keyring { ring: Arc::new(Mutex::new(Ring::generate())) }
    }

    /// Tries one secret on one slot; null when it is not the slot's.
    #[napi(catch_unwind)]
    pub fn open_slot(bytes: Buffer, kind: SecretKind, secret: Buffer) -> Result<Option<Keyring>> {
        let ring = Ring::open_slot(&bytes, kind.into(), &secret).map_err(throw)?;
        Ok(ring.map(|r| Keyring { ring: Arc::new(Mutex::new(r)) }))
    }

    #[napi(catch_unwind)]
    pub fn seal_slot(
        &self,
        kind: SecretKind,
        secret: Buffer,
        cost: KdfCost,
        label: String,
        created: i64,
    ) -> Result<Sealed> {
        let ring = self.ring.lock().expect("no panic");
        let cost = (cost.memory_ki_b, cost.passes, cost.lanes);
        let bytes =
            ring.seal_slot(kind.into(), &secret, cost, &label, created as u64).map_err(throw)?;
        Ok(sealed(&holdall_core::crypto::random(), bytes))
    }

    #[napi(getter)]
    pub fn fingerprint(&self) -> String {
        holdall_core::object::hex(&self.ring.lock().expect("no panic").fingerprint())
    }

    #[napi(getter)]
    pub fn lineage(&self) -> Buffer {
        self.ring.lock().expect("no panic").lineage.to_vec().into()
    }

    #[napi(getter)]
    pub fn replica(&self) -> Buffer {
        self.ring.lock().expect("no panic").replica.to_vec().into()
    }

    #[napi(setter)]
    pub fn set_replica(&mut self, replica: Buffer) -> Result<()> {
        self.ring.lock().expect("no panic").replica = fixed(&replica)?;
        Ok(())
    }

    /// A new domain and its first epoch.
    #[napi]
    pub fn new_domain(&self, label: String) -> Vec<Sealed> {
        let uploads = [holdall_core::crypto::random(), holdall_core::crypto::random()];
        let made = self.ring.lock().expect("no panic").new_domain(
            &label,
            holdall_core::cut::preferred(),
            uploads,
        );
        made.into_iter().zip(&uploads).map(|(bytes, u)| sealed(u, bytes)).collect()
    }

    /// A new role key: 1 control, 2 index, 3 admin.
    #[napi]
    pub fn new_role(&self, role: u32) -> Sealed {
        let upload = holdall_core::crypto::random();
        sealed(&upload, self.ring.lock().expect("no panic").new_role(role as u8, upload))
    }

    /// Takes a stored domain, epoch or role key into the ring.
    #[napi(catch_unwind)]
    pub fn load(&self, name: String, bytes: Buffer) -> Result<()> {
        self.ring.lock().expect("no panic").load(&bytes, &upload(&name)?).map_err(throw)
    }

    /// Seals a record; `own` is the upload id of one that is named for what it speaks of.
    #[napi(catch_unwind)]
    pub fn seal(&self, kind: String, content: Buffer, own: Option<Buffer>) -> Result<Sealed> {
        let id = own.map_or_else(|| Ok(holdall_core::crypto::random()), |id| fixed(&id))?;
        let kind = Type::from_name(&kind).map_err(throw)?;
        let bytes = self.ring.lock().expect("no panic").seal(kind, &id, &content).map_err(throw)?;
        Ok(sealed(&id, bytes))
    }

    /// The tag, 32 bytes, of a record that deletes; needs the admin key.
    #[napi(catch_unwind)]
    pub fn authorise(&self, kind: String, own: Buffer, content: Buffer) -> Result<Buffer> {
        let kind = Type::from_name(&kind).map_err(throw)?;
        let ring = self.ring.lock().expect("no panic");
        let tag = ring.authority(kind, &fixed(&own)?, &content).map_err(throw)?;
        Ok(tag.to_vec().into())
    }

    /// Whether `tag` is what the admin key makes of this content; null without that key.
    #[napi(catch_unwind)]
    pub fn authorised(
        &self,
        kind: String,
        name: String,
        content: Buffer,
        tag: Buffer,
    ) -> Result<Option<bool>> {
        let kind = Type::from_name(&kind).map_err(throw)?;
        let ring = self.ring.lock().expect("no panic");
        let own = ring.authority(kind, &upload(&name)?, &content).ok();
        Ok(own.map(|own| same(&own, &tag)))
    }

    #[napi(catch_unwind)]
    pub fn open(&self, kind: String, name: String, bytes: Buffer) -> Result<Buffer> {
        let kind = Type::from_name(&kind).map_err(throw)?;
        let ring = self.ring.lock().expect("no panic");
        Ok(ring.open(kind, &upload(&name)?, &bytes).map_err(throw)?.into())
    }
}
