//! Sessions of the pages, and the codes that open them: rows with the sum of a secret, never with the
//! secret. The times are the database's own.

use std::time::Duration;

use holdfast_job::Moment;
use sqlx::Row;

use crate::{Database, StoreError, audit::Actor, database::microseconds};

/// So many rows that have ended are removed in one go.
const REMOVED_AT_ONCE: u32 = 100;

/// Who is logged in, and what they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user; 120 characters at most.
    pub subject: String,
    /// The customers that they may see, by `external_id` or UUID.
    pub customers: Vec<String>,
    /// True if they see all.
    pub operator: bool,
    /// What they may do, parted by spaces.
    pub scope: String,
}

/// A session that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSession {
    /// Who is logged in.
    pub login: Login,
    /// The customer whose pages are open, if they chose one of several.
    pub site: Option<String>,
    /// Until when it counts.
    pub expires_at: Moment,
}

impl Database {
    /// Begins a session, by the SHA-256 of its token in hexadecimal digits, and notes the login in the
    /// audit.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be written.
    pub async fn begin_session(
        &self,
        token_hash: &str,
        login: &Login,
        lasts: Duration,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool().begin().await?;
        let sweep = "DELETE FROM web_sessions WHERE expires_at < NOW(3) - INTERVAL 1 DAY LIMIT ?";
        sqlx::query(sweep).bind(REMOVED_AT_ONCE).execute(&mut *transaction).await?;
        sqlx::query(
            "INSERT INTO web_sessions (token_hash, subject, customers, role, scope, expires_at) \
             VALUES (?, ?, ?, ?, ?, NOW(3) + INTERVAL ? MICROSECOND)",
        )
        .bind(token_hash)
        .bind(&login.subject)
        .bind(names(&login.customers)?)
        .bind(if login.operator { "operator" } else { "customer" })
        .bind(&login.scope)
        .bind(microseconds(lasts))
        .execute(&mut *transaction)
        .await?;
        sqlx::query("INSERT INTO audit (actor, action, detail) VALUES (?, 'login', ?)")
            .bind(Actor::user(&login.subject).name())
            .bind(&login.scope)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// The session of this token's hash, if it counts.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn session(&self, token_hash: &str) -> Result<Option<WebSession>, StoreError> {
        let found = sqlx::query(
            "SELECT subject, customers, role, scope, site, \
             CAST(TIMESTAMPDIFF(SECOND, '1970-01-01', expires_at) AS UNSIGNED) AS expires \
             FROM web_sessions WHERE token_hash = ? AND revoked_at IS NULL AND expires_at > NOW(3)",
        )
        .bind(token_hash)
        .fetch_optional(&self.pool())
        .await?;
        let Some(row) = found else { return Ok(None) };
        let (customers, role): (String, String) = (row.try_get("customers")?, row.try_get("role")?);
        let login = Login {
            subject: row.try_get("subject")?,
            customers: read_names(&customers)?,
            operator: role == "operator",
            scope: row.try_get("scope")?,
        };
        let expires_at = Moment::from_unix_seconds(row.try_get("expires")?);
        Ok(Some(WebSession { login, site: row.try_get("site")?, expires_at }))
    }

    /// Ends a session. A second time changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be written.
    pub async fn revoke_session(&self, token_hash: &str) -> Result<(), StoreError> {
        let revoke = "UPDATE web_sessions SET revoked_at = NOW(3) \
                      WHERE token_hash = ? AND revoked_at IS NULL";
        sqlx::query(revoke).bind(token_hash).execute(&self.pool()).await?;
        Ok(())
    }

    /// Notes which customer's pages a session has open.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be written.
    pub async fn choose_site(&self, token_hash: &str, site: &str) -> Result<(), StoreError> {
        let choose = "UPDATE web_sessions SET site = ? WHERE token_hash = ?";
        sqlx::query(choose).bind(site).bind(token_hash).execute(&self.pool()).await?;
        Ok(())
    }

    /// Keeps a code that logs in once, by its SHA-256, and notes in the audit who made it.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be written.
    pub async fn keep_login_code(
        &self,
        actor: &Actor,
        code_hash: &str,
        login: &Login,
        lasts: Duration,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool().begin().await?;
        let sweep = "DELETE FROM login_codes WHERE expires_at < NOW(3) - INTERVAL 1 DAY LIMIT ?";
        sqlx::query(sweep).bind(REMOVED_AT_ONCE).execute(&mut *transaction).await?;
        sqlx::query(
            "INSERT INTO login_codes (code_hash, subject, customers, scope, expires_at) \
             VALUES (?, ?, ?, ?, NOW(3) + INTERVAL ? MICROSECOND)",
        )
        .bind(code_hash)
        .bind(&login.subject)
        .bind(names(&login.customers)?)
        .bind(&login.scope)
        .bind(microseconds(lasts))
        .execute(&mut *transaction)
        .await?;
        sqlx::query("INSERT INTO audit (actor, action, detail) VALUES (?, 'login_link', ?)")
            .bind(actor.name())
            .bind(format!("for {}: {}", login.subject, login.customers.join(", ")))
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Uses up a code: who it logs in, if it counts and nobody has used it.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer.
    pub async fn use_login_code(&self, code_hash: &str) -> Result<Option<Login>, StoreError> {
        // The row's own lock decides between two who come at once.
        let used = sqlx::query(
            "UPDATE login_codes SET used_at = NOW(3) \
             WHERE code_hash = ? AND used_at IS NULL AND expires_at > NOW(3)",
        )
        .bind(code_hash)
        .execute(&self.pool())
        .await?;
        if used.rows_affected() == 0 {
            return Ok(None);
        }
        let row =
            sqlx::query("SELECT subject, customers, scope FROM login_codes WHERE code_hash = ?")
                .bind(code_hash)
                .fetch_one(&self.pool())
                .await?;
        let customers: String = row.try_get("customers")?;
        Ok(Some(Login {
            subject: row.try_get("subject")?,
            customers: read_names(&customers)?,
            operator: false,
            scope: row.try_get("scope")?,
        }))
    }

    /// Uses up the name of a token of the host's, by its SHA-256, and remembers it for `lasts`. False if
    /// it was used before.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer.
    pub async fn use_token_name(
        &self,
        name_hash: &str,
        subject: &str,
        lasts: Duration,
    ) -> Result<bool, StoreError> {
        let used = sqlx::query(
            "INSERT IGNORE INTO login_codes \
             (code_hash, subject, customers, scope, expires_at, used_at) \
             VALUES (?, ?, '[]', '', NOW(3) + INTERVAL ? MICROSECOND, NOW(3))",
        )
        .bind(name_hash)
        .bind(subject)
        .bind(microseconds(lasts))
        .execute(&self.pool())
        .await?;
        Ok(used.rows_affected() > 0)
    }
}

fn names(customers: &[String]) -> Result<String, StoreError> {
    serde_json::to_string(customers).map_err(|error| StoreError::corrupt("login", error))
}

fn read_names(text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::corrupt("login", error))
}
