//! The cryptography of tokens: ring checks their signatures, and makes those of the HS algorithms.
//!
//! `jsonwebtoken` reads a token and asks here for one thing, whether a signature fits. Keys that make
//! RS, PS, ES and EdDSA tokens belong to the host's login: nothing here signs with one.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
    signature::{self, Signer, Verifier},
};
use ring::{hmac, signature as ring_signature};

/// The shortest RSA key that ring accepts, in bytes of its modulus: 2,048 bits.
pub const SHORTEST_RSA_MODULUS: usize = 256;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    // For sets of keys (JWK), which no configuration names.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes ring the cryptography of `jsonwebtoken` in this process. A second call changes nothing.
pub fn use_ring() {
    let _ = PROVIDER.install_default();
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    let Some(hash) = hash_of(*algorithm) else { return Err(ErrorKind::InvalidAlgorithm.into()) };
    expect_family(key.family(), AlgorithmFamily::Hmac)?;
    Ok(Box::new(Hmac { algorithm: *algorithm, key: hmac::Key::new(hash, key.as_bytes()) }))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    // No configuration makes a key of modulus and exponent.
    let DecodingKeyKind::SecretOrDer(bytes) = key.kind() else {
        return Err(ErrorKind::InvalidKeyFormat.into());
    };
    if let Some(hash) = hash_of(*algorithm) {
        expect_family(key.family(), AlgorithmFamily::Hmac)?;
        return Ok(Box::new(Hmac { algorithm: *algorithm, key: hmac::Key::new(hash, bytes) }));
    }
    let (family, check) = check_of(*algorithm)?;
    expect_family(key.family(), family)?;
    let key = ring_signature::UnparsedPublicKey::new(check, bytes.clone());
    Ok(Box::new(Public { algorithm: *algorithm, key }))
}

/// A key of another family is no key, whatever its bytes: a public key is never taken for a secret.
fn expect_family(is: AlgorithmFamily, wanted: AlgorithmFamily) -> Result<(), Error> {
    if is == wanted { Ok(()) } else { Err(ErrorKind::InvalidKeyFormat.into()) }
}

fn hash_of(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::HS256 => Some(hmac::HMAC_SHA256),
        Algorithm::HS384 => Some(hmac::HMAC_SHA384),
        Algorithm::HS512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

type Check = &'static dyn ring_signature::VerificationAlgorithm;

/// The checks of RFC 7518 (3.3 to 3.5) and RFC 8037 (3.1): RSA of 2,048 bits at least, ECDSA as two
/// numbers of fixed length.
fn check_of(algorithm: Algorithm) -> Result<(AlgorithmFamily, Check), Error> {
    let (family, check): (_, Check) = match algorithm {
        Algorithm::RS256 => (AlgorithmFamily::Rsa, &ring_signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => (AlgorithmFamily::Rsa, &ring_signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => (AlgorithmFamily::Rsa, &ring_signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => (AlgorithmFamily::Rsa, &ring_signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => (AlgorithmFamily::Rsa, &ring_signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => (AlgorithmFamily::Rsa, &ring_signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => (AlgorithmFamily::Ec, &ring_signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => (AlgorithmFamily::Ec, &ring_signature::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => (AlgorithmFamily::Ed, &ring_signature::ED25519),
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    Ok((family, check))
}

/// A secret that makes tokens and checks them.
struct Hmac {
    algorithm: Algorithm,
    key: hmac::Key,
}

impl Signer<Vec<u8>> for Hmac {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.key, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hmac {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        hmac::verify(&self.key, message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hmac {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl JwtVerifier for Hmac {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// The public key of the host's login.
struct Public {
    algorithm: Algorithm,
    key: ring_signature::UnparsedPublicKey<Vec<u8>>,
}

impl Verifier<Vec<u8>> for Public {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.key.verify(message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Public {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
