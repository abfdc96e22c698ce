//! The schemas of a server whose names say that they are customers'.

use super::{MariadbError, Script, Server};
use crate::stop::Stop;

/// What the name of a customer's schema begins with, before the customer's number.
pub const CUSTOMERS: &str = "customer_";

impl Server<'_> {
    /// Every schema that begins with [`CUSTOMERS`], as far as the account sees it. No table is opened.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn schemas_of_customers(&self, stop: &Stop) -> Result<Vec<String>, MariadbError> {
        let ask = "SELECT 'schema', SCHEMA_NAME FROM information_schema.SCHEMATA \
                   WHERE SCHEMA_NAME LIKE 'customer\\_%' ORDER BY SCHEMA_NAME";
        let script = Script::reading().then("list the schemas", ask);
        let rows = self.run(&script, stop).await?;
        rows.iter().filter(|row| row.tag() == b"schema").map(|row| row.text(1)).collect()
    }
}
