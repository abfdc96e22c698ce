//! Databases that are there and that nothing saves: `both` never means less than the host thinks.
//!
//! The server on this machine is asked whatever the configuration says of databases, and so is each
//! server that the site's configuration names. A schema `customer_42`, or one that begins with
//! `customer_42_`, is customer 42's. A site whose `databases` are an empty list was said to have none.

use std::time::Duration;

use holdfast_job::CustomerId;

use crate::{
    config::{Database, Node, Reach, Site},
    failure::chain,
    mariadb::{CUSTOMERS, Server},
    stop::Stop,
};

/// A server that does not answer keeps nobody waiting for longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A schema that nothing saves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsaved {
    /// Its name.
    pub schema: String,
    /// Where it is.
    pub server: Reach,
}

/// The customer whose schema this is, by its name.
fn customer_of(schema: &str) -> Option<CustomerId> {
    schema.strip_prefix(CUSTOMERS)?.split('_').next()?.parse().ok()
}

/// The schemas of this site's customer that no database of the site's configuration is.
///
/// # Errors
/// A sentence, if a server could not be asked.
pub async fn of_site(node: &Node, site: &Site, stop: &Stop) -> Result<Vec<Unsaved>, String> {
    if site.has_no_databases() {
        return Ok(Vec::new());
    }
    let local = node.local_server();
    let mut servers: Vec<&Database> = Vec::new();
    for database in site.databases.iter().chain(&local) {
        if servers.iter().all(|server| server.reach != database.reach) {
            servers.push(database);
        }
    }
    let mut unsaved = Vec::new();
    for server in servers {
        for schema in schemas(node, server, stop).await? {
            if customer_of(&schema) == Some(site.customer) && !saves(site, &schema, &server.reach) {
                unsaved.push(Unsaved { schema, server: server.reach.clone() });
            }
        }
    }
    Ok(unsaved)
}

/// The customers' schemas on this machine's server that their sites' configuration does not save; none if
/// there is no server that could be asked.
///
/// # Errors
/// A sentence, if it could not be asked.
pub async fn on_this_machine(node: &Node, stop: &Stop) -> Result<Option<Vec<Unsaved>>, String> {
    let Some(server) = node.local_server() else { return Ok(None) };
    let mut unsaved = Vec::new();
    for schema in schemas(node, &server, stop).await? {
        let Some(customer) = customer_of(&schema) else { continue };
        // What is wrong with a site's configuration is told elsewhere.
        let Ok(site) = node.site(customer) else { continue };
        if !site.has_no_databases() && !saves(&site, &schema, &server.reach) {
            unsaved.push(Unsaved { schema, server: server.reach.clone() });
        }
    }
    Ok(Some(unsaved))
}

/// A schema of this name is taken for saved wherever a site reaches it another way, such as by TCP.
fn saves(site: &Site, schema: &str, server: &Reach) -> bool {
    let is_it = |database: &Database| match (&database.reach, server) {
        (Reach::Container(one), Reach::Container(other)) => one == other,
        (Reach::Container(_), _) | (_, Reach::Container(_)) => false,
        _ => true,
    };
    site.databases.iter().any(|database| database.schema == schema && is_it(database))
}

async fn schemas(node: &Node, server: &Database, stop: &Stop) -> Result<Vec<String>, String> {
    let failed = |error| {
        let reach = &server.reach;
        format!("{reach} could not be asked for databases that nothing saves: {}", chain(&error))
    };
    let server = Server::administered(node, server, PATIENCE).map_err(failed)?;
    server.schemas_of_customers(stop).await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_the_customers_whose_number_it_bears() {
        let of = |schema| customer_of(schema).map(|customer| customer.to_string());
        assert_eq!(of("customer_42").as_deref(), Some("42"));
        assert_eq!(of("customer_42_blog").as_deref(), Some("42"));
        assert_eq!(of("customer_421").as_deref(), Some("421"));
        assert_eq!(of("customer_x"), None);
        assert_eq!(of("shop_42"), None);
    }
}
