//! A look at a site as a visitor takes it: one page, by curl, as nobody.
//!
//! The page is a tenant's: whatever reads it must not be root, and holds no lock. While the site is
//! closed, nginx lets this look in by a secret header that it takes from loopback alone.

use std::time::Duration;

use crate::{
    config::{Node, Probe, check_root_owned},
    confine,
    failure::chain,
    process::{Heard, Moved, Program},
    stop::Stop,
};

/// Of a page so much is looked through.
const MOST_BYTES: usize = 4 << 20;
/// curl keeps its own time; this is for a curl that does not.
pub const BEYOND: Duration = Duration::from_secs(5);
/// The header by which nginx lets the probe into a closed site.
const PROBE: &str = "X-Holdfast-Probe";
/// The header by which nginx answers as if the site were closed, with the base that closes it.
const DOOR: &str = "X-Holdfast-Door";
/// What stands before the base in that answer.
const DOOR_ANSWER: &str = "holdfast-door ";
/// Becomes nobody, with no way back: from util-linux.
const AS_NOBODY: [&str; 5] =
    ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"];

/// What a look showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The page is as it should be.
    Well,
    /// It is not: why.
    Unwell(String),
}

/// What curl brought of a page.
struct Fetched {
    status: u16,
    page: Vec<u8>,
}

/// Asks a site how it is.
///
/// # Errors
/// A sentence for the operator, if it cannot be asked.
pub async fn ask(node: &Node, probe: &Probe, stop: &Stop) -> Result<Answer, String> {
    let secret = node.probe_secret().map_err(|error| chain(&error))?;
    let header = secret.as_deref().map(|secret| (PROBE, secret));
    let Fetched { status, page } = match fetch(node, probe, header, stop).await? {
        Ok(fetched) => fetched,
        Err(why) => return Ok(Answer::Unwell(why)),
    };
    let fits = match probe.status {
        Some(wanted) => status == wanted,
        None => (200..400).contains(&status),
    };
    if !fits {
        let hint = match (status, &secret) {
            (503, None) => {
                ", as a closed site does if no `node.probe_secret_file` lets the probe in"
            }
            _ => "",
        };
        return Ok(Answer::Unwell(format!("{} answers {status}{hint}", probe.url)));
    }
    match &probe.text {
        Some(text) if memchr::memmem::find(&page, text.as_bytes()).is_none() => {
            Ok(Answer::Unwell(format!("{} answers without {text:?} in it", probe.url)))
        }
        _ => Ok(Answer::Well),
    }
}

/// Asks nginx which base's `.maintenance` closes the site, by a secret header of its own: for this one
/// request the door is closed, and visitors see nothing of it. None if nothing closes it.
///
/// # Errors
/// A sentence for the operator, if it cannot be asked.
pub async fn ask_door(
    node: &Node,
    probe: &Probe,
    secret: &str,
    stop: &Stop,
) -> Result<Option<String>, String> {
    let Fetched { status, page } = fetch(node, probe, Some((DOOR, secret)), stop).await??;
    let page = String::from_utf8_lossy(&page);
    let base = page.trim().strip_prefix(DOOR_ANSWER).filter(|_| status == 503);
    Ok(base.map(|base| base.trim().to_owned()))
}

/// One page; inside, a sentence if nobody answers.
async fn fetch(
    node: &Node,
    probe: &Probe,
    header: Option<(&str, &str)>,
    stop: &Stop,
) -> Result<Result<Fetched, String>, String> {
    check_root_owned(&node.curl)
        .map_err(|error| format!("curl, as `node.curl` names it: {}", chain(&error)))?;
    let mut argv: Vec<String> = AS_NOBODY.map(str::to_owned).to_vec();
    argv.extend([
        node.curl.display().to_string(),
        "--disable".into(),
        "--config".into(),
        "-".into(),
    ]);
    let program = Program {
        name: "curl".into(),
        path: "/proc/self/exe".into(),
        args: confine::without_lock(argv),
        env: Default::default(),
        stdin: wishes(probe, header).into_bytes().into(),
        patience: probe.patience + BEYOND,
    };
    let mut page = Vec::new();
    let running = program.start().map_err(|error| chain(&error))?;
    let ended = running
        .attend(stop, |heard| {
            if let Heard::Said(said) = heard {
                let room = MOST_BYTES - page.len().min(MOST_BYTES);
                page.extend_from_slice(&said[..said.len().min(room)]);
            }
            Ok(Moved::No)
        })
        .await
        .map_err(|error| chain(&error))?;
    let (said, status) = ended.stderr.trim_end().rsplit_once('=').unwrap_or_default();
    if ended.status.code() == Some(i32::from(confine::FAILED)) {
        return Err(ended.stderr);
    }
    if !ended.status.success() {
        let said = said.lines().next().unwrap_or("it said nothing");
        return Ok(Err(format!("{} does not answer: {said}", probe.url)));
    }
    Ok(Ok(Fetched { status: status.parse().unwrap_or_default(), page }))
}

/// What curl reads: nothing of it is on a command line, which everybody may read.
fn wishes(probe: &Probe, header: Option<(&str, &str)>) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let seconds = probe.patience.as_secs();
    let mut wishes = format!(
        "url = \"{}\"\nconnect-to = \"::{}:\"\nmax-time = {seconds}\nsilent\nshow-error\ngloboff\n\
         noproxy = \"*\"\nproto = \"=http,https\"\nuser-agent = \"Holdfast\"\n\
         write-out = \"%{{stderr}}=%{{http_code}}\"\n",
        quoted(&probe.url),
        quoted(&probe.connect),
    );
    if let Some((name, secret)) = header {
        wishes.push_str(&format!("header = \"{name}: {}\"\n", quoted(secret)));
    }
    wishes
}
