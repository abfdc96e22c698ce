//! Who asks: a signed token of the host's own login, in the `Authorization` header and nowhere else.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail};
use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use holdfast_job::Moment;
use holdfast_store::{Actor, Customer, Login, WebSession, read_secret};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode, errors::ErrorKind,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::{
    config::TokensTable,
    problem::Problem,
    signatures::{SHORTEST_RSA_MODULUS, use_ring},
    web::Web,
};

/// How far the clocks of host and web side may differ, in seconds.
const LEEWAY_SECONDS: u64 = 30;

/// For how long a token that logs somebody in may count.
const LONGEST_LOGIN: Duration = Duration::from_secs(300);

/// Who asks, by a token or a session that was checked: what it says, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    subject: String,
    customers: Vec<String>,
    role: Role,
    scopes: Vec<String>,
    #[serde(serialize_with = "crate::view::write_time")]
    expires_at: Moment,
}

/// For whom something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// The customer, and who works for them.
    Customers,
    /// Operators, who see more of it.
    Operators,
}

/// What somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The customers that the token names.
    #[default]
    Customer,
    /// All.
    Operator,
}

/// What somebody may do with what they see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Right {
    /// To look.
    #[serde(rename = "backup:read")]
    Read,
    /// To order.
    #[serde(rename = "backup:write")]
    Write,
}

impl Right {
    /// The word in a token's `scope`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "backup:read",
            Self::Write => "backup:write",
        }
    }
}

/// What a token says. What else it says is the host's.
#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: String,
    /// Until when the token counts, in seconds since 1970; parts of a second are dropped.
    #[serde(deserialize_with = "whole_seconds")]
    pub exp: u64,
    /// Who made it.
    pub iss: String,
    /// For whom.
    pub aud: serde_json::Value,
    /// The customers that the user may see, by `external_id` or UUID.
    #[serde(default)]
    pub customers: Vec<String>,
    /// What the user may see.
    #[serde(default)]
    pub role: Role,
    /// What the user may do, parted by spaces, as in RFC 8693.
    #[serde(default)]
    pub scope: String,
    /// The token's own name: whoever logs in by a token has one, which counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
}

/// A NumericDate of RFC 7519, which may have a fraction.
fn whole_seconds<'de, D: Deserializer<'de>>(number: D) -> Result<u64, D::Error> {
    let seconds = f64::deserialize(number)?;
    if seconds >= 0.0 {
        // What is too large for the type ends with its largest number.
        Ok(seconds as u64)
    } else {
        Err(Error::custom("it is before 1970"))
    }
}

/// Checks tokens.
pub struct Tokens {
    key: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({:?})", self.validation.algorithms)
    }
}

impl Tokens {
    /// By the configured key.
    ///
    /// # Errors
    /// If the key's file cannot be read, or holds no key of that algorithm.
    pub fn load(table: &TokensTable) -> anyhow::Result<Self> {
        use_ring();
        let bytes = read_key(table)?;
        let key = match table.algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
                DecodingKey::from_secret(bytes.trim_ascii())
            }
            Algorithm::ES256 | Algorithm::ES384 => DecodingKey::from_ec_pem(&bytes)?,
            Algorithm::EdDSA => DecodingKey::from_ed_pem(&bytes)?,
            _ => {
                let key = DecodingKey::from_rsa_pem(&bytes)?;
                // Its DER form holds the modulus and a little more.
                if key.try_get_as_bytes()?.len() < SHORTEST_RSA_MODULUS {
                    let file = table.key_file.display();
                    bail!(
                        "{file}: an RSA key of less than 2048 bits is refused: make a longer one"
                    );
                }
                key
            }
        };
        let mut validation = Validation::new(table.algorithm);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&table.issuer]);
        validation.set_audience(&[&table.audience]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        Ok(Self { key, validation })
    }

    /// Who brings this token.
    ///
    /// # Errors
    /// 401, which says what is wrong with it.
    pub fn check(&self, token: &str) -> Result<Caller, Problem> {
        self.read(token).map(|(caller, _)| caller)
    }

    /// Who logs in by this token, and its own name.
    ///
    /// # Errors
    /// 401, which says what is wrong with it; so it does if it counts for longer than five minutes.
    pub fn check_login(&self, token: &str) -> Result<(Caller, String), Problem> {
        let (caller, name) = self.read(token)?;
        let refused =
            |why: &str| Problem::unauthorized(format!("The token is not accepted: {why}."));
        if caller.time_left() > LONGEST_LOGIN + Duration::from_secs(LEEWAY_SECONDS + 1) {
            return Err(refused("it counts for longer than five minutes, and a login must not"));
        }
        match name.filter(|name| (8..=256).contains(&name.len())) {
            Some(name) => Ok((caller, name)),
            None => Err(refused("it needs a `jti` of 8 to 256 characters that no other token has")),
        }
    }

    fn read(&self, token: &str) -> Result<(Caller, Option<String>), Problem> {
        let refused =
            |why: &str| Problem::unauthorized(format!("The token is not accepted: {why}."));
        let decoded = decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|error| refused(reason(error.kind())))?;
        // RFC 7515, 4.1.11: what must be understood and is not makes the token invalid.
        if decoded.header.crit.is_some() {
            return Err(refused("it has critical extensions"));
        }
        let Claims { sub, customers, role, scope, exp, jti, .. } = decoded.claims;
        if sub.is_empty() {
            return Err(refused("its `sub` is empty"));
        }
        let scopes = scope.split_whitespace().map(str::to_owned).collect();
        let expires_at = Moment::from_unix_seconds(exp);
        Ok((Caller { subject: sub, customers, role, scopes, expires_at }, jti))
    }
}

/// Why a token is not accepted, for whoever brought it.
fn reason(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "it has expired, so log in again",
        ErrorKind::ImmatureSignature => "it does not count yet",
        ErrorKind::InvalidIssuer => "it was made by somebody else",
        ErrorKind::InvalidAudience => "it was made for somebody else",
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::InvalidAlgorithm => "it is signed by another algorithm",
        ErrorKind::MissingRequiredClaim(_) => "it needs `exp`, `iss`, `aud` and `sub`",
        ErrorKind::Json(_) => {
            "one of its claims is not as it must be: `exp` and `nbf` are numbers of seconds since 1970, \
             `sub`, `iss`, `role` and `scope` are texts, `customers` is a list of texts"
        }
        _ => "it is no token, or says what is not understood",
    }
}

fn read_key(table: &TokensTable) -> anyhow::Result<Vec<u8>> {
    let file = table.key_file.display();
    let bytes =
        read_secret(&table.key_file).with_context(|| format!("{file}: cannot be read"))?.bytes;
    if makes_tokens(table) && bytes.trim_ascii().len() < 32 {
        bail!("{file}: a secret of less than 32 bytes can be guessed: `openssl rand -base64 48`");
    }
    Ok(bytes)
}

/// Whether the secret that checks tokens is the one that makes them.
pub fn makes_tokens(table: &TokensTable) -> bool {
    matches!(table.algorithm, Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)
}

/// Makes a token, where the secret that checks them is the one that makes them.
///
/// # Errors
/// If tokens are checked by a public key: then the host's own login makes them.
pub fn issue(table: &TokensTable, claims: &Claims) -> anyhow::Result<String> {
    match table.algorithm {
        _ if makes_tokens(table) => {
            use_ring();
            let key = EncodingKey::from_secret(read_key(table)?.trim_ascii());
            Ok(encode(&Header::new(table.algorithm), claims, &key)?)
        }
        other => {
            bail!("tokens of {other:?} are made by whoever has the secret key: the host's login")
        }
    }
}

impl From<WebSession> for Caller {
    fn from(session: WebSession) -> Self {
        let WebSession { login, expires_at, .. } = session;
        let role = if login.operator { Role::Operator } else { Role::Customer };
        let scopes = login.scope.split_whitespace().map(str::to_owned).collect();
        Self { subject: login.subject, customers: login.customers, role, scopes, expires_at }
    }
}

impl Caller {
    /// Who they are and what they may, for a session.
    pub fn login(&self) -> Login {
        Login {
            subject: self.subject.chars().take(120).collect(),
            customers: self.customers.clone(),
            operator: self.is_operator(),
            scope: self.scopes.join(" ").chars().take(255).collect(),
        }
    }

    /// Their name, as their login has it.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The customers that they may see, by name.
    pub fn customers(&self) -> &[String] {
        &self.customers
    }

    /// Whether they may see this customer.
    pub fn sees(&self, customer: &Customer) -> bool {
        self.sees_name(&customer.external_id) || self.sees_name(&customer.uuid)
    }

    /// Whether they may see a customer of this name.
    pub fn sees_name(&self, name: &str) -> bool {
        self.is_operator() || self.customers.iter().any(|own| own == name)
    }

    /// Whether they see all, and what is meant for operators.
    pub fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }

    /// As whom they are shown what they may see.
    pub fn audience(&self) -> Audience {
        match self.role {
            Role::Customer => Audience::Customers,
            Role::Operator => Audience::Operators,
        }
    }

    /// For how long their token is still accepted.
    pub fn time_left(&self) -> Duration {
        // In whole seconds, the last of which counts to its end.
        let until = self.expires_at.unix_seconds().saturating_add(LEEWAY_SECONDS + 1);
        let until = Duration::from_secs(until);
        until.saturating_sub(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// Until when their token counts.
    pub fn expires_at(&self) -> Moment {
        self.expires_at
    }

    /// The token's only customer, if it names one alone.
    pub fn only_customer(&self) -> Option<&str> {
        match self.customers.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Refuses unless they may do this.
    ///
    /// # Errors
    /// 403, which names the scope that the token lacks.
    pub fn needs(&self, right: Right) -> Result<(), Problem> {
        let scope = right.word();
        match self.scopes.iter().any(|held| held == scope) {
            true => Ok(()),
            false => Err(Problem::forbidden(format!("The token lacks the scope `{scope}`."))),
        }
    }

    /// Refuses unless they are an operator and may do this.
    ///
    /// # Errors
    /// 403.
    pub fn needs_operator(&self, right: Right) -> Result<(), Problem> {
        self.needs(right)?;
        match self.is_operator() {
            true => Ok(()),
            false => Err(Problem::operators_only()),
        }
    }

    /// Their name in the audit.
    pub fn actor(&self) -> Actor {
        match self.role {
            Role::Customer => Actor::user(&self.subject),
            Role::Operator => Actor::operator(&self.subject),
        }
    }
}

impl FromRequestParts<Arc<Web>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        match token {
            Some(token) => web.tokens.check(token),
            None => Err(Problem::unauthorized(
                "Send the token of your login in the header `Authorization: Bearer …`.",
            )),
        }
    }
}
