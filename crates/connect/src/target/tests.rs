//! Texts that are read as the URL of a server, and the errors for all others.

use longsync_text::said::is_invisible;
use proptest::prelude::*;

use super::*;

#[test]
fn a_url_prints_as_it_was_written() {
    for (text, host, port) in [
        ("http://127.0.0.1:9000", "127.0.0.1", 9000),
        ("http://localhost:1", "localhost", 1),
        ("http://[::1]:9000", "::1", 9000),
        ("http://example", "example", 80),
        ("http://my_service.default.svc:65535", "my_service.default.svc", 65535),
        ("http://_x.example.:1", "_x.example.", 1),
    ] {
        let target: Target = text.parse().unwrap();
        assert_eq!(target.to_string(), text);
        assert_eq!(target.host_and_port(), (host, port));
    }
}

#[test]
fn a_host_with_a_port_needs_no_scheme() {
    for (text, url) in [
        ("localhost:9000", "http://localhost:9000"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("my-host.example:80", "http://my-host.example:80"),
        ("localhost:9000/", "http://localhost:9000"),
        ("http://localhost:09000/", "http://localhost:9000"),
        ("HTTP://localhost:9000", "http://localhost:9000"),
        // Hosts may have the names of schemes.
        ("dns:53", "http://dns:53"),
        ("http:9000", "http://http:9000"),
    ] {
        let target: Target = text.parse().unwrap();
        assert_eq!(target.to_string(), url);
        assert_eq!(Ok(target), url.parse());
    }
}

/// Texts that are not the URL of a server, and the error for each: it says what would be right, with the host
/// that was meant.
const REFUSED: &[(&str, &str)] = &[
    ("", "the URL is empty: write a URL such as http://127.0.0.1:9000"),
    (" http://h:1", "a URL contains no spaces: write a URL such as http://127.0.0.1:9000"),
    ("http://h :1", "a URL contains no spaces: write a URL such as http://127.0.0.1:9000"),
    ("https://h:1", "https:// is not supported yet: call a server without TLS, such as http://h:1"),
    (
        "grpcs://h",
        "grpcs:// is not supported yet: call a server without TLS, such as http://h:9000",
    ),
    (
        "unix:/run/s",
        "unix: is not supported yet: call a server over TCP, such as http://127.0.0.1:9000",
    ),
    (
        "unix:///run/s",
        "unix: is not supported yet: call a server over TCP, such as http://127.0.0.1:9000",
    ),
    ("dns:///h:1", "dns: is how gRPC libraries name a server: write the URL http://h:1"),
    ("dns://8.8.8.8/h:1", "dns: is how gRPC libraries name a server: write the URL http://h:1"),
    ("dns:h:1", "dns: is how gRPC libraries name a server: write the URL http://h:1"),
    ("ipv6:[::1]:1", "ipv6: is how gRPC libraries name a server: write the URL http://[::1]:1"),
    ("grpc://h:1", "grpc:// is not needed, since gRPC runs over HTTP: write http://h:1"),
    ("ftp://h", "ftp:// is not supported: write http://, as in http://h:9000"),
    ("file:///etc/passwd", "file:// is not supported: write http://, as in http://127.0.0.1:9000"),
    ("http:/h:1", "a URL begins with http:// and the host: write http://h:1"),
    ("http:h:1", "a URL begins with http:// and the host: write http://h:1"),
    ("http:///h:1", "a URL begins with http:// and the host: write http://h:1"),
    ("//h:1", "a URL begins with http:// and the host: write http://h:1"),
    (
        "http://u:p@h:1",
        "user names and passwords are not supported: leave out what comes before the @, as in http://h:1",
    ),
    (
        "u@h:1",
        "user names and passwords are not supported: leave out what comes before the @, as in http://h:1",
    ),
    (
        "http://h:1/long_sync",
        "`/long_sync` is a path, but each call has its own path: write http://h:1",
    ),
    (
        "h/long_sync?delay=1s",
        "`/long_sync?delay=1s` is a path, but each call has its own path: write http://h:9000",
    ),
    ("http://h:1//", "`//` is a path, but each call has its own path: write http://h:1"),
    ("http://h:1?delay=1s", "`?delay=1s` is a query, which calls do not use: write http://h:1"),
    ("http://h:1/?", "`?` is a query, which calls do not use: write http://h:1"),
    ("http://h:1/#a", "`#a` is a fragment, which is never sent to a server: write http://h:1"),
    ("http://h:1#a", "`#a` is a fragment, which is never sent to a server: write http://h:1"),
    ("http://", "the host is missing: write http://127.0.0.1:9000"),
    (":1", "the host is missing: write http://127.0.0.1:1"),
    ("http://:1", "the host is missing: write http://127.0.0.1:1"),
    (
        "http://h:",
        "the port after the colon is missing: write a number from 1 to 65535, as in h:9000",
    ),
    (
        "h:0",
        "port 0 means any free port, and no server listens on it: write the server's actual port, from 1 to 65535, as in h:9000",
    ),
    ("h:99999", "port 99999 is too high: write a number from 1 to 65535, as in h:9000"),
    (
        "http://[::1]:65536",
        "port 65536 is too high: write a number from 1 to 65535, as in [::1]:9000",
    ),
    ("h:abc", "`abc` is not a port: write a number from 1 to 65535, as in h:9000"),
    ("http://h:+1", "`+1` is not a port: write a number from 1 to 65535, as in h:9000"),
    ("h:-1", "`-1` is not a port: write a number from 1 to 65535, as in h:9000"),
    (
        "h",
        "`h` has no port: write h:9000 (the default port of longsync-server) or http://h (port 80)",
    ),
    (
        "[::1]",
        "`[::1]` has no port: write [::1]:9000 (the default port of longsync-server) or http://[::1] (port 80)",
    ),
    ("9001", "9001 is a port without a host: write localhost:9001"),
    ("::1", "an IPv6 address needs brackets: write http://[::1]:9000"),
    ("::1:9001", "an IPv6 address needs brackets: write http://[::1]:9001"),
    ("http://fe80::1", "an IPv6 address needs brackets: write http://[fe80::1]:9000"),
    (
        "http://[::1%eth0]:1",
        "the zone of an IPv6 address, `%eth0`, is not supported: write an address that needs none, such as http://[::1]:9000",
    ),
    (
        "[fe80::1%lo]:9000",
        "the zone of an IPv6 address, `%lo`, is not supported: write an address that needs none, such as http://[::1]:9000",
    ),
    (
        "fe80::1%lo:9000",
        "the zone of an IPv6 address, `%lo`, is not supported: write an address that needs none, such as http://[::1]:9000",
    ),
    ("./x", "`.` is not a host: write a name or an IP address, as in http://127.0.0.1:9000"),
    ("-", "`-` is not a host: write a name or an IP address, as in http://127.0.0.1:9000"),
    (
        "127.0.0.1,20100",
        "`127.0.0.1,20100` is not a host: write a name or an IP address, as in http://127.0.0.1:9000",
    ),
    (
        "http://a..b:1",
        "`a..b` is not a host: write a name or an IP address, as in http://127.0.0.1:9000",
    ),
    (
        "http://-h:1",
        "`-h` is not a host: write a name or an IP address, as in http://127.0.0.1:9000",
    ),
    (
        "http://[h]:1",
        "`[h]` is not a host: write a name or an IP address, as in http://127.0.0.1:9000",
    ),
    (
        "http://[::1]1",
        "`[::1]1` is not a host: write a name or an IP address, as in http://127.0.0.1:9000",
    ),
    (
        "h1:1,h2:2",
        "`h1:1,h2` is not a host: write a name or an IP address, as in http://127.0.0.1:9000",
    ),
    (
        "http://b\u{fc}cher:1",
        "`b\u{fc}cher` is not a host: write a name or an IP address, as in http://127.0.0.1:9000",
    ),
    (
        "http://\u{1b}[31m:1",
        r"`\u{1b}[31m` is not a host: write a name or an IP address, as in http://127.0.0.1:9000",
    ),
];

#[test]
fn an_invalid_url_is_refused_with_what_would_be_right() {
    for (text, sentence) in REFUSED {
        let refused = text.parse::<Target>().map_err(|why| why.to_string());
        assert_eq!(refused, Err((*sentence).to_owned()), "{text}");
    }
}

#[test]
fn a_host_is_at_most_as_long_as_a_name_in_dns() {
    let longest = ["a".repeat(63).as_str(); 4].join(".")[..253].to_owned();
    for host in [longest.clone(), format!("{longest}.")] {
        assert!(format!("{host}:1").parse::<Target>().is_ok(), "{host}");
    }
    let why = format!("{longest}a:1").parse::<Target>().unwrap_err();
    assert!(why.to_string().starts_with("a host name has at most 253 characters, but `aaa"));
    assert!(why.to_string().contains("...` has 254: write a name"), "{why}");
}

/// Texts that people might write: parts of URLs in any order, and any text at all.
fn written() -> impl Strategy<Value = String> {
    const PIECES: [&str; 18] = [
        "http", "https", "dns", ":", "//", "://", "/", "[::1]", "::1", "[", "]", "@", "?", "#",
        "%", ".", "-", "_",
    ];
    let piece = proptest::sample::select(&PIECES[..]).prop_map(str::to_owned);
    let part =
        prop_oneof![3 => piece, 1 => "[0-9]{1,6}", 1 => "[a-z]{1,5}", 1 => "127\\.0\\.0\\.[0-9]"];
    let parts = proptest::collection::vec(part, 0..7).prop_map(|parts| parts.concat());
    prop_oneof![4 => parts, 1 => any::<String>()]
}

proptest! {
    /// Every text that is read as a target has a host and a port, and is printed as a URL that is read as the
    /// same target and printed the same.
    #[test]
    fn a_target_prints_as_a_url_that_is_read_as_the_same_target(text in written()) {
        if let Ok(target) = text.parse::<Target>() {
            let url = target.to_string();
            prop_assert!(url.starts_with("http://"));
            let again = url.parse::<Target>();
            prop_assert_eq!(again.as_ref(), Ok(&target), "{}", url);
            prop_assert_eq!(again.unwrap().to_string(), url);
            let (host, port) = target.host_and_port();
            prop_assert!(!host.is_empty() && port != 0);
        }
    }

    /// A host and a port are the same target with or without the scheme and a trailing slash.
    #[test]
    fn the_scheme_and_a_trailing_slash_may_be_left_out(
        host in prop_oneof![
            "[a-z][a-z0-9_-]{0,9}(\\.[a-z0-9]{1,5}){0,2}",
            any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
            any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]")),
        ],
        port in 1_u16..,
    ) {
        let target: Target = format!("http://{host}:{port}").parse().unwrap();
        for text in [format!("{host}:{port}"), format!("{host}:{port}/"), format!("http://{host}:{port}/")] {
            prop_assert_eq!(text.parse::<Target>(), Ok(target.clone()), "{}", text);
        }
    }

    /// However long a part of a URL is, the sentence about it is short.
    #[test]
    fn sentences_about_long_urls_are_short(
        part in "[a-z0-9]",
        length in 300_usize..80_000,
        text in prop_oneof![
            Just("X"), Just("X:1"), Just("http://X"), Just("h:X"), Just("h:9X"), Just("X://h"), Just("ftp://X"),
            Just("h/X"), Just("h?X"), Just("h#X"), Just("u:X@h"), Just("[::1%X]:1"), Just("dns:///X"), Just("[X]:1"),
        ],
    ) {
        let long = text.replace('X', &part.repeat(length));
        let why = long.parse::<Target>().map_err(|why| why.to_string().len());
        prop_assert!(why.is_err_and(|length| length < 1_000), "{}", text);
    }

    /// The URL that a sentence suggests is one that can be called.
    #[test]
    fn a_suggested_url_is_read_as_a_target(text in written()) {
        if let Err(why) = text.parse::<Target>() {
            let said = why.to_string();
            let words = said.split([' ', ',', ')']);
            // A quoted part of the text is not a suggestion.
            for url in words.filter(|word| word.starts_with("http://") && word.len() > "http://".len()) {
                prop_assert!(url.parse::<Target>().is_ok(), "{}", said);
            }
        }
    }

    /// No character in a sentence about a wrong URL controls the terminal.
    #[test]
    fn sentences_about_wrong_urls_are_printable(text in written()) {
        if let Err(why) = text.parse::<Target>() {
            prop_assert!(!why.to_string().contains(is_invisible), "{:?}", why.to_string());
        }
    }
}
