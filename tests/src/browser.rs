//! A browser without a screen and without scripts: cookies, forms, redirects, by plain HTTP.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{Answer, Web};

/// A browser at the pages.
#[derive(Debug)]
pub struct Browser<'w> {
    web: &'w Web,
    cookies: BTreeMap<String, String>,
}

/// The name of the cookie where there is no TLS.
const COOKIE: &str = "holdfast";

impl<'w> Browser<'w> {
    /// One that has no cookie.
    pub fn new(web: &'w Web) -> Self {
        Self { web, cookies: BTreeMap::new() }
    }

    /// One that a login link has let in, as `alice`, to this customer's pages.
    ///
    /// # Panics
    /// If it is not let in.
    pub fn logged_in(web: &'w Web, customer: &str) -> Self {
        let mut browser = Self::new(web);
        let link = Self::link(web, customer);
        browser.enter(&link).with(303);
        browser
    }

    /// The address of a new login link, without the host.
    ///
    /// # Panics
    /// If none is made.
    pub fn link(web: &Web, customer: &str) -> String {
        let wanted = json!({ "customer": customer, "subject": "alice" });
        let made = web.post("/api/v1/login-links", &wanted).with(201).body;
        let url = made["url"].as_str().expect("a link");
        let (_, path) = url.split_once("/login/").expect("the link's form");
        format!("/login/{path}")
    }

    /// Opens a login link and sends its form.
    pub fn enter(&mut self, link: &str) -> Answer {
        let page = self.get(link).with(200);
        let fields = fields(&page.text, "/login");
        self.send("/login", &fields)
    }

    /// The token of the session, if there is one.
    pub fn session(&self) -> Option<&str> {
        self.cookies.get(COOKIE).map(String::as_str)
    }

    /// Has this token for a session from now on.
    pub fn set_session(&mut self, token: &str) {
        self.cookies.insert(COOKIE.to_owned(), token.to_owned());
    }

    /// `GET`.
    pub fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    /// The page behind a redirect.
    ///
    /// # Panics
    /// If it is none.
    pub fn follow(&mut self, answer: &Answer) -> Answer {
        let to = answer.header("location").unwrap_or_else(|| panic!("no redirect: {answer:?}"));
        let to = to.to_owned();
        self.get(&to)
    }

    /// Sends a form as it stands on this page, with these fields filled in.
    pub fn submit(&mut self, page: &Answer, action: &str, filled: &[(&str, &str)]) -> Answer {
        let mut all = fields(&page.text, action);
        for (name, value) in filled {
            all.retain(|(given, _)| given != name);
            all.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.send(action, &all)
    }

    /// Sends these fields.
    pub fn send(&mut self, action: &str, fields: &[(String, String)]) -> Answer {
        let encoded: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        self.ask("POST", action, &form, &encoded.join("&"))
    }

    /// Any request, with these headers beside the cookies.
    pub fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut all = headers.to_vec();
        if !cookies.is_empty() {
            all.push(("Cookie", &cookies));
        }
        let answer = self.web.browse(method, path, &all, body);
        if let Some(set) = answer.header("set-cookie") {
            let pair = set.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie");
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }
}

/// The unseen fields of the form for this address.
///
/// # Panics
/// If the page has no such form.
pub fn fields(page: &str, action: &str) -> Vec<(String, String)> {
    let begin = format!("action=\"{action}\"");
    let form = page.split(&begin).nth(1).unwrap_or_else(|| panic!("no form for {action}: {page}"));
    let form = form.split("</form>").next().unwrap_or_default();
    let hidden = form.split("<input type=\"hidden\" ").skip(1);
    hidden
        .map(|input| {
            let attribute = |name: &str| {
                let value = input.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
                Some(value.to_owned())
            };
            (attribute("name").expect("a name"), attribute("value").unwrap_or_default())
        })
        .collect()
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
