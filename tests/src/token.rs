//! Tokens as the host's login makes them: JSON Web Tokens of any claims, signed by any key.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair},
};
use serde_json::{Value, json};

/// Makes tokens by one key; the word of the algorithm is RFC 7518's, as in a token's header.
#[derive(Debug, Clone, Copy)]
pub struct TokenKey<'a> {
    /// Such as `HS256`.
    pub algorithm: &'a str,
    /// The secret of an HS algorithm; of the others the PKCS 8 key, in DER.
    pub secret: &'a [u8],
}

impl TokenKey<'_> {
    /// A token with these claims and the usual header.
    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.algorithm, "typ": "JWT" }), claims)
    }

    /// A token of these parts, whatever its header says of the algorithm.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.sign(signed.as_bytes())))
    }

    /// Signs a message.
    ///
    /// # Panics
    /// If there is no such algorithm, or the key is not of it.
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self.algorithm {
            "HS256" => self.hmac(hmac::HMAC_SHA256, message),
            "HS384" => self.hmac(hmac::HMAC_SHA384, message),
            "HS512" => self.hmac(hmac::HMAC_SHA512, message),
            "RS256" => self.rsa(&signature::RSA_PKCS1_SHA256, message),
            "RS384" => self.rsa(&signature::RSA_PKCS1_SHA384, message),
            "RS512" => self.rsa(&signature::RSA_PKCS1_SHA512, message),
            "PS256" => self.rsa(&signature::RSA_PSS_SHA256, message),
            "PS384" => self.rsa(&signature::RSA_PSS_SHA384, message),
            "PS512" => self.rsa(&signature::RSA_PSS_SHA512, message),
            "ES256" => self.ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, message),
            "ES384" => self.ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, message),
            "EdDSA" => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(self.secret);
                pair.expect("an Ed25519 key").sign(message).as_ref().to_vec()
            }
            other => panic!("no algorithm {other}"),
        }
    }

    fn hmac(&self, hash: hmac::Algorithm, message: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(hash, self.secret), message).as_ref().to_vec()
    }

    fn rsa(&self, padding: &'static dyn signature::RsaEncoding, message: &[u8]) -> Vec<u8> {
        let pair = RsaKeyPair::from_pkcs8(self.secret).expect("an RSA key");
        let mut signed = vec![0; pair.public().modulus_len()];
        pair.sign(padding, &SystemRandom::new(), message, &mut signed).expect("a signature");
        signed
    }

    fn ecdsa(
        &self,
        algorithm: &'static signature::EcdsaSigningAlgorithm,
        message: &[u8],
    ) -> Vec<u8> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, self.secret, &random);
        let signed = pair.expect("a key of that curve").sign(&random, message);
        signed.expect("a signature").as_ref().to_vec()
    }
}
