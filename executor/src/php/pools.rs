//! The FPM pools of a machine, as their configuration says: Debian's `/etc/php/8.2/fpm/pool.d/*.conf`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use nix::unistd::User;

/// The sockets of those pools that run as one of these users.
pub(super) fn of_owners(php: &Path, owners: &[u32]) -> Vec<PathBuf> {
    let mut sockets = BTreeSet::new();
    for version in entries(php) {
        for file in entries(&version.join("fpm/pool.d")) {
            if file.extension().is_some_and(|ending| ending == "conf")
                && let Ok(text) = fs::read_to_string(&file)
            {
                sockets.extend(sockets_of(&text, |user| owners.contains(&uid_of(user))));
            }
        }
    }
    sockets.into_iter().collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// By its name, or its number.
fn uid_of(user: &str) -> u32 {
    let named = User::from_name(user).ok().flatten().map(|user| user.uid.as_raw());
    named.or_else(|| user.parse().ok()).unwrap_or(0)
}

/// The sockets of one file's pools whose user is wanted. `$pool` stands for the pool's name.
fn sockets_of(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut sockets = Vec::new();
    let (mut pool, mut user, mut listen) = (String::new(), None, None);
    let mut end = |pool: &str, user: &mut Option<String>, listen: &mut Option<String>| {
        if let (Some(user), Some(listen)) = (user.take(), listen.take()) {
            let filled = listen.replace("$pool", pool);
            if filled.starts_with('/') && is_wanted(&user.replace("$pool", pool)) {
                sockets.push(PathBuf::from(filled));
            }
        }
    };
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            end(&pool, &mut user, &mut listen);
            pool = name.to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            let value = value.split(';').next().unwrap_or_default().trim().trim_matches('"');
            match key.trim() {
                "user" => user = Some(value.to_owned()),
                "listen" => listen = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    end(&pool, &mut user, &mut listen);
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_found_by_its_user() {
        let text = "; a comment\n[www]\nuser = www-data\nlisten = /run/php/www.sock ; here\n\
                    [site-42]\nlisten = \"/run/php/$pool.sock\"\nuser = $pool\n[tcp]\nuser = site-42\n\
                    listen = 127.0.0.1:9000\n";
        assert_eq!(
            sockets_of(text, |user| user == "site-42"),
            [PathBuf::from("/run/php/site-42.sock")]
        );
        assert_eq!(
            sockets_of(text, |user| user == "www-data"),
            [PathBuf::from("/run/php/www.sock")]
        );
    }
}
