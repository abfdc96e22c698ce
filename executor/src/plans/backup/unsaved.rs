//! What a backup of `both` says of databases that are not in it.

use holdfast_job::Scope;

use super::Backup;
use crate::{
    failure::Failure,
    note::Note,
    unsaved::{self, Unsaved},
    work::Work,
};

impl Backup {
    /// Notes what the backup will not hold, and which schemas it should.
    pub(super) async fn look_for_unsaved(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let site = self.site.get()?;
        if self.order.scope != Scope::Both || site.has_no_databases() {
            return Ok(());
        }
        let found = unsaved::of_site(work.node, site, &work.stop).await;
        let (unsaved, mut notes) = match found {
            Ok(unsaved) => (unsaved, Vec::new()),
            Err(operator) => (Vec::new(), vec![Note { customer: None, operator }]),
        };
        if site.databases.is_empty() && unsaved.is_empty() {
            notes.push(Note {
                customer: Some("It holds files alone: no database is set up to be saved.".into()),
                operator: "No database is configured for this site, so it holds files alone: add \
                           `[[site.databases]]`, or `databases = []` if it has none."
                    .into(),
            });
        }
        notes.extend(unsaved.iter().map(note));
        self.facts.unsaved = unsaved.into_iter().map(|unsaved| unsaved.schema).collect();
        self.facts.notes = notes;
        Ok(())
    }
}

fn note(unsaved: &Unsaved) -> Note {
    let Unsaved { schema, server } = unsaved;
    Note {
        customer: Some(format!(
            "Your database {schema} is not in it, since it is not set up to be saved. Contact support."
        )),
        operator: format!(
            "The schema {schema} on {server} is this customer's by its name, and nothing saves it: add \
             it to `[[site.databases]]`."
        ),
    }
}
