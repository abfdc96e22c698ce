//! The public half of a key that signs tickets, as it is written down: hexadecimal digits.
//!
//! Whether the bytes are a key at all is for whoever checks signatures with it to say.

use std::{fmt, str::FromStr};

/// The 32 bytes of an Ed25519 public key (RFC 8032), as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// Why a text is no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a public key: it must be 64 lower-case hexadecimal digits and nothing else")]
pub struct PublicKeyError;

impl PublicKey {
    /// The key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    fn from_str(given: &str) -> Result<Self, PublicKeyError> {
        parse_hex(given).map(Self).ok_or(PublicKeyError)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

/// Two lower-case digits a byte.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly `N` bytes, in the one spelling that [`to_hex`] has for them.
pub(crate) fn parse_hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|&[high, low]| Some((value(high)? << 4) | value(low)?)).collect();
    bytes?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_has_one_spelling() {
        let key = PublicKey::new(std::array::from_fn(|at| 0xf7_u8.wrapping_add(at as u8)));
        let digits = key.to_string();
        assert_eq!(digits.parse(), Ok(key));
        for bad in [
            "",
            &digits.to_uppercase(),
            &digits[2..],
            &digits[1..],
            &format!("{digits}00"),
            &format!("{digits}\n"),
            &format!(" {}", &digits[1..]),
            &format!("0x{}", &digits[2..]),
            &"é".repeat(32),
        ] {
            assert_eq!(bad.parse::<PublicKey>(), Err(PublicKeyError), "{bad:?}");
        }
    }
}
