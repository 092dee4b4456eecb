//! The page that browsers get at `/`: a description of the server, a live version of the lesson, and the
//! server's counters.
//!
//! It is a single document, which fetches nothing but `/long_sync` and `/stats.json`. Its
//! `Content-Security-Policy` enforces that, and allows only the style and the script with these hashes.

use std::sync::LazyLock;

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use longsync_text::said::printable;
use tonic::body::Body;

use crate::config::Config;
use crate::examples::Examples;
use crate::http::plain::{of_type, text};

const TEMPLATE: &str = include_str!("page/page.html");
/// Hashes of the style and the script as they are sent. After an edit, a test prints the right ones.
const STYLE_SHA256: &str = "BZSHH8zMGJkHgxVhbk2JaL/PawIb3CLnPn5/nL62Xbw=";
const SCRIPT_SHA256: &str = "hLAYGIZKmIcbAbNEnj9YejiH1i4iy4vxuIy9K5XMsN8=";

static STYLE: LazyLock<String> = LazyLock::new(|| {
    // No string in it has such a pair of characters.
    let pairs = [(": ", ":"), ("; ", ";"), (", ", ","), (" {", "{"), ("{ ", "{"), (" }", "}")];
    let style = dense(&[include_str!("page/page.css")]);
    pairs.into_iter().fold(style, |style, (pair, shorter)| style.replace(pair, shorter))
});
/// A single script: each file can use the definitions in the files before it.
static SCRIPT: LazyLock<String> = LazyLock::new(|| {
    dense(&[
        "\"use strict\";",
        include_str!("page/words.js"),
        include_str!("page/lesson.js"),
        include_str!("page/chart.js"),
        include_str!("page/race.js"),
        include_str!("page/live.js"),
        include_str!("page/page.js"),
    ])
});
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; connect-src 'self'; img-src data:; style-src 'sha256-{STYLE_SHA256}'; \
         script-src 'sha256-{SCRIPT_SHA256}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("a policy of visible characters")
});

/// The lines of the sources without indentation, empty lines and comment lines.
fn dense(sources: &[&str]) -> String {
    let is_comment = |line: &str| line.starts_with("//") || line.starts_with("/*");
    let lines = sources.iter().flat_map(|source| source.lines()).map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !is_comment(line))
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// The answer to a browser that reaches this server at `address`.
pub(super) fn answer(config: &Config, address: &str) -> Response<Body> {
    let page = text(StatusCode::OK, render(config, address));
    let mut page = of_type("text/html; charset=utf-8", page);
    let headers = page.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let same_origin = HeaderValue::from_static("same-origin");
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), same_origin);
    page
}

fn render(config: &Config, address: &str) -> String {
    filled(TEMPLATE, |name| match name {
        "style" => STYLE.clone(),
        "script" => SCRIPT.clone(),
        "address" => escaped(address),
        "behavior" => escaped(&config.behavior.to_string()),
        "seed" => config.seed.to_string(),
        "max_delay_ms" => config.limits.max_delay.as_millis().to_string(),
        "is_fixed" => config.is_fixed.to_string(),
        "exceptions" if config.is_fixed => {
            ". Its behavior is fixed: calls that specify one are refused.".to_owned()
        }
        "exceptions" => " unless it says otherwise.".to_owned(),
        "commands" => commands(config, address),
        "version" => env!("CARGO_PKG_VERSION").to_owned(),
        _ => unreachable!("the template has no {name}"),
    })
}

/// Replaces each `{{name}}` in a template. The replacements are not searched for further names.
fn filled(template: &str, word: impl Fn(&str) -> String) -> String {
    let mut pieces = template.split("{{");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for (name, rest) in pieces.filter_map(|piece| piece.split_once("}}")) {
        filled.push_str(&word(name));
        filled.push_str(rest);
    }
    filled
}

/// The commands to try, as items of a list.
fn commands(config: &Config, address: &str) -> String {
    let Examples { curl, curl_with_tail, curl_that_fails, grpcurl, call, race, load, .. } =
        Examples::new(config, address);
    let tried = [
        ("curl", Some(curl)),
        ("A delay with a tail", curl_with_tail),
        ("A planned failure", curl_that_fails),
        ("gRPC, without a proto file", Some(grpcurl)),
        ("Where the time of a call goes", config.is_fixed.then_some(call)),
        ("The race over HTTP/2", race),
        ("What users experience under load", Some(load)),
    ];
    let item = |(what, command): (&str, Option<String>)| {
        let command = escaped(&command?);
        Some(format!("<dt>{what}</dt>\n<dd><pre><code>{command}</code></pre></dd>\n"))
    };
    tried.into_iter().filter_map(item).collect()
}

/// Escapes the text of an element or the value of an attribute.
fn escaped(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for character in printable(words).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::Engine as _;
    use longsync_behavior::{Behavior, Rules};
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::config::{Limits, Options};

    fn page(options: Options, address: &str) -> String {
        render(&Config::new(options).unwrap(), address)
    }

    #[test]
    fn the_policy_allows_the_style_and_the_script_that_are_sent() {
        let page = page(Options::default(), "localhost:9000");
        for (element, source, named) in
            [("style", &*STYLE, STYLE_SHA256), ("script", &*SCRIPT, SCRIPT_SHA256)]
        {
            let digest = base64::prelude::BASE64_STANDARD.encode(Sha256::digest(source));
            assert_eq!(named, digest, "the right hash of the {element} is {digest}");
            let whole = format!("<{element}>{source}</{element}>");
            assert!(page.contains(&whole), "{element}");
            assert_eq!(page.matches(&format!("</{element}>")).count(), 1, "{element}");
            assert!(
                POLICY.to_str().unwrap().contains(&format!("{element}-src 'sha256-{digest}';"))
            );
        }
    }

    #[test]
    fn the_page_is_at_most_30_kb_and_links_to_no_other_host() {
        let page = page(Options::default(), "localhost:9000");
        assert!(page.len() <= 30_000, "{} bytes", page.len());
        let links = page.split("http").skip(1).map(|rest| rest.split(['\'', '"', ' ']).next());
        for link in links.flatten().filter(|link| link.starts_with("://") || link.starts_with("s:"))
        {
            let is_ours = link.starts_with("://localhost:9000");
            // A namespace is never fetched.
            assert!(is_ours || link == "://www.w3.org/2000/svg", "{link}");
        }
    }

    #[test]
    fn comment_lines_and_indentation_are_left_out() {
        let source = "// Why.\nif (a) {\n  b(\"//c\"); // d\n}\n\n  /* e */\n";
        assert_eq!(dense(&[source]), "if (a) {\nb(\"//c\"); // d\n}\n");
        // A string literal over several lines would lose its indentation.
        for line in SCRIPT.lines() {
            assert_eq!(line.matches('`').count() % 2, 0, "{line}");
        }
    }

    #[test]
    fn values_are_escaped_and_not_expanded_as_templates() {
        let behavior = "replay('{{seed}} <b>&\".csv')";
        let escaped_behavior = escaped(behavior);
        assert_eq!(escaped_behavior, "replay(&#39;{{seed}} &lt;b&gt;&amp;&quot;.csv&#39;)");
        let word =
            |name: &str| if name == "behavior" { escaped_behavior.clone() } else { "7".into() };
        let filled = filled("<p>{{behavior}} {{seed}}</p>", word);
        assert_eq!(filled, format!("<p>{escaped_behavior} 7</p>"));
        let page = page(Options::default(), "<script>'&\"");
        assert!(!page.contains("<script>'"));
        assert!(page.contains("<code>&lt;script&gt;&#39;&amp;&quot;</code>"), "{page}");
    }

    #[test]
    fn the_page_describes_the_server() {
        let behavior = Behavior::read(
            "lognormal(p50=10ms, p99=200ms)",
            &Rules::caller(Duration::from_secs(3_600)),
        )
        .unwrap();
        let limits = Limits { max_delay: Duration::from_secs(1), ..Limits::default() };
        let page = page(Options { behavior, seed: 42, limits, ..Options::default() }, "a.test:1");
        for part in [
            "<code>a.test:1</code> takes <code>lognormal(p50=10ms, p99=200ms) max 1s</code>",
            "<code>42</code>",
            "data-max-delay-ms=\"1000\" data-is-fixed=\"false\"",
            "curl &#39;http://a.test:1/long_sync?delay=250ms&#39;",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("{{"), "{page}");
    }

    #[test]
    fn with_a_fixed_behavior_no_command_specifies_one() {
        let page = page(Options { is_fixed: true, ..Options::default() }, "a.test:1");
        assert!(page.contains("data-is-fixed=\"true\"") && page.contains("Its behavior is fixed"));
        assert!(page.contains("<code>5s</code>. Its behavior"), "{page}");
        assert!(!page.contains("unless it says otherwise"), "{page}");
        assert!(page.contains("curl &#39;http://a.test:1/long_sync&#39;"), "{page}");
        assert!(!page.contains("?delay=250ms") && !page.contains("?behavior=lognormal"));
    }

    #[test]
    fn the_commands_are_within_the_longest_delay() {
        let behavior = Behavior::constant(Duration::from_millis(20));
        let limits = Limits { max_delay: Duration::from_millis(50), ..Limits::default() };
        let page = page(Options { behavior, limits, ..Options::default() }, "a.test:1");
        for part in ["?delay=50ms", "p99=50ms", "&quot;0.05s&quot;", "--calls 12 --delay 50ms"] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("250ms") && !page.contains("0.25s"), "{page}");
    }
}
