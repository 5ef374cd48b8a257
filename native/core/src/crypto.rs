//! Key derivation and authenticated encryption: the only file that touches a cipher.
//!
//! Every object has its own key, so nonces are plain counters and none is ever random.

use crate::error::{Error, Result};
use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_256_GCM};
use ring::rand::{SecureRandom, SystemRandom};

pub type Key = [u8; 32];
pub const TAG: usize = 16;

/// `BLAKE3 derive_key(context, parts joined)`; parts have fixed lengths, so joining is unambiguous.
pub fn derive(context: &str, parts: &[&[u8]]) -> Key {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

pub fn random<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    SystemRandom::new().fill(&mut out).expect("the system has randomness");
    out
}

/// Compares secrets without telling by its time where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |d, (x, y)| d | (x ^ y)) == 0
}

/// The key of one object together with the commitment that its header carries.
pub struct ObjectKey {
    key: LessSafeKey,
    pub commitment: [u8; 32],
}

impl ObjectKey {
    pub fn derive(context: &str, parts: &[&[u8]]) -> ObjectKey {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            hasher.update(part);
        }
        let mut out = [0u8; 64];
        hasher.finalize_xof().fill(&mut out);
        let key = UnboundKey::new(&AES_256_GCM, &out[..32]).expect("a 32-byte key");
        ObjectKey {
            key: LessSafeKey::new(key),
            commitment: out[32..].try_into().expect("32 bytes"),
        }
    }

    /// Encrypts `data` where it lies; returns the tag.
    pub fn seal(&self, counter: u64, aad: &[u8], data: &mut [u8]) -> [u8; TAG] {
        let tag = self.key.seal_in_place_separate_tag(nonce(counter), Aad::from(aad), data);
        tag.expect("far below the cipher's length limit").as_ref().try_into().expect("16 bytes")
    }

    /// Decrypts `data` (ciphertext and tag) where it lies; returns the plaintext part.
    pub fn open<'a>(&self, counter: u64, aad: &[u8], data: &'a mut [u8]) -> Result<&'a mut [u8]> {
        self.key
            .open_in_place(nonce(counter), Aad::from(aad), data)
            .map_err(|_| Error::Damaged("authentication failed".into()))
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0u8; 12];
    bytes[..8].copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}
