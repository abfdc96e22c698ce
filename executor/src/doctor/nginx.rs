//! A look for the lines by which nginx closes a site: without them it stays open in the switch.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    config::{Node, Site},
    failure::chain,
    health::ask_door,
    stop::Stop,
};

/// What is missing where a site is not closed.
const MISSING: &str = "nginx would not close this site during a restore: its `server` lacks `set \
                       $holdfast_base` or the include of snippets/holdfast-site.conf, or these \
                       are of an earlier version: `scripts/install` brings the rules";
/// Of a file so much is read.
const MOST_BYTES: u64 = 4 << 20;
/// Folders in nginx's own whose files are read by others, or by nobody.
const PASSED_OVER: [&str; 3] = ["sites-available", "snippets", "modules-available"];

/// Asks nginx itself where there is a probe to ask by, and else reads its configuration.
pub(super) async fn examine_nginx(node: &Node, site: &Site) -> Result<String, String> {
    let secret = node.probe_secret().map_err(|error| chain(&error))?;
    match (&site.probe, secret) {
        (Some(probe), Some(secret)) => {
            let base = ask_door(node, probe, &secret, &Stop::default()).await?;
            let ours = site.base.display().to_string();
            match base {
                None => Err(format!("{}: {MISSING}", probe.url)),
                Some(base) if base.trim_end_matches('/') == ours => {
                    Ok(format!("{} is closed by {ours}/.maintenance", probe.url))
                }
                Some(base) => Err(format!(
                    "{}: `$holdfast_base` is {base} there, and the site's base is {ours}",
                    probe.url
                )),
            }
        }
        _ => read_configuration(&node.nginx, &site.base),
    }
}

/// Whether some file of nginx's names this base.
fn read_configuration(folder: &Path, base: &Path) -> Result<String, String> {
    if !folder.is_dir() {
        return Ok(format!("there is no nginx here: {} is missing", folder.display()));
    }
    let mut texts = Vec::new();
    read_into(folder, &mut texts).map_err(|error| format!("{}: {error}", folder.display()))?;
    let of_base = |text: &str| {
        let mut settings = text.split("$holdfast_base").skip(1);
        settings.any(|rest| {
            let value = rest.split(';').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
            value.trim_end_matches('/') == base.to_string_lossy()
        })
    };
    let closes = |text: &String| of_base(text) && text.contains("holdfast-site.conf");
    if texts.iter().any(closes) {
        return Ok(format!("{} names {}", folder.display(), base.display()));
    }
    let of_variables = |text: &String| {
        let mut settings = text.split("set $holdfast_base").skip(1);
        settings.any(|rest| rest.split(';').next().unwrap_or_default().contains('$'))
    };
    // A base that is put together of variables is not known before a request comes.
    if texts.iter().any(of_variables) {
        return Ok("a `$holdfast_base` is made of variables: `[site.probe]` would tell more".into());
    }
    Err(format!("{}: {MISSING}", base.display()))
}

fn read_into(folder: &Path, texts: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        let Ok(found) = path.metadata() else { continue };
        if found.is_dir() {
            let passed_over = PASSED_OVER.iter().any(|name| path.ends_with(name));
            // A link to a folder could lead round in a circle.
            if !passed_over && !path.is_symlink() {
                read_into(&path, texts)?;
            }
        } else if found.is_file() && found.len() < MOST_BYTES {
            texts.extend(fs::read_to_string(&path));
        }
    }
    Ok(())
}
