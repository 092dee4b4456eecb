//! What `/` and `/stats.json` answer, and to whom.

use http::Response;
use longsync_server::{Behavior, Limits, Options};

use crate::harness::{
    HOUR, Memory, Raw, Result, Web, checked, config, ms, options, settle, wait, with_limits,
};

const CHROMIUM: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn both(server: &Memory) -> Result<[Web; 2]> {
    Ok([server.web1().await?, server.web2().await?])
}

fn header<'a>(response: &'a Response<String>, name: &str) -> &'a str {
    response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// What the server holds, as its metrics say.
async fn held(server: &Memory) -> Result<u64> {
    let metrics = server.web1().await?.get("/metrics").await?;
    let line =
        metrics.body().lines().find_map(|line| line.strip_prefix("longsync_buffered_bytes "));
    Ok(line.expect("the metrics have it").parse()?)
}

#[tokio::test(start_paused = true)]
async fn a_browser_gets_a_page_and_everyone_else_text() -> Result<()> {
    let server = Memory::start(config()).await;
    for mut web in both(&server).await? {
        for (accept, content_type) in [
            (CHROMIUM, "text/html; charset=utf-8"),
            ("text/html", "text/html; charset=utf-8"),
            ("*/*", "text/plain; charset=utf-8"),
            ("text/html;q=0, */*", "text/plain; charset=utf-8"),
            ("text/plain, text/html;q=0.9", "text/plain; charset=utf-8"),
        ] {
            let answer = web.send("GET", "/", &[("accept", accept)]).await?;
            assert_eq!(answer.status(), 200);
            assert_eq!(header(&answer, "content-type"), content_type, "{accept}");
            assert_eq!(header(&answer, "vary"), "accept", "{accept}");
            assert_eq!(header(&answer, "cache-control"), "no-store", "{accept}");
            let is_html = content_type.starts_with("text/html");
            assert_eq!(answer.body().starts_with("<!doctype html>"), is_html, "{accept}");
            assert_eq!(answer.body().starts_with("longsync: a server"), !is_html, "{accept}");
            let head = web.send("HEAD", "/", &[("accept", accept)]).await?;
            assert_eq!((head.status().as_u16(), head.body().as_str()), (200, ""));
            assert_eq!(header(&head, "content-type"), content_type, "{accept}");
            assert_eq!(header(&head, "content-length"), answer.body().len().to_string());
        }
        let bare = web.get("/").await?;
        assert_eq!(header(&bare, "content-type"), "text/plain; charset=utf-8");
        let posted = web.send("POST", "/", &[("accept", CHROMIUM)]).await?;
        assert_eq!((posted.status().as_u16(), header(&posted, "allow")), (405, "GET, HEAD"));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_page_lets_in_nothing_from_elsewhere() -> Result<()> {
    let server = Memory::start(config()).await;
    for mut web in both(&server).await? {
        let page = web.send("GET", "/", &[("accept", CHROMIUM)]).await?;
        let policy = header(&page, "content-security-policy");
        for part in [
            "default-src 'none';",
            "connect-src 'self';",
            "style-src 'sha256-",
            "script-src 'sha256-",
            "base-uri 'none';",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{part} in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&page, "referrer-policy"), "no-referrer");
        let text = web.get("/").await?;
        assert_eq!(header(&text, "content-security-policy"), "");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_page_and_the_text_name_the_address_that_was_called() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut web = server.web2().await?;
    for (accept, quote) in [(CHROMIUM, "&#39;"), ("*/*", "'")] {
        let answer = web.send("GET", "/", &[("accept", accept)]).await?;
        let named = format!("curl {quote}http://longsync.test/long_sync?delay=250ms{quote}");
        assert!(answer.body().contains(&named), "{named} in {}", answer.body());
        let all = [("accept", accept), ("host", "0.0.0.0:9000")];
        let answer = server.web1().await?.send("GET", "/", &all).await?;
        let named = format!("curl {quote}http://127.0.0.1:9000/long_sync?delay=250ms{quote}");
        assert!(answer.body().contains(&named), "{named} in {}", answer.body());
        assert!(!answer.body().contains("0.0.0.0"), "{}", answer.body());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn stats_are_what_happened_as_json() -> Result<()> {
    let server = Memory::start(config()).await;
    let mut web = server.web1().await?;
    web.get("/long_sync?delay=30ms").await?;
    web.get("/long_sync?delay=2h").await?;
    let raw = server.raw().await?;
    let mut cancelled = raw.unary(&wait(HOUR), &[]).await?;
    tokio::time::sleep(ms(200)).await;
    cancelled.reset();
    let _waiting = raw.unary(&wait(HOUR), &[]).await?;
    settle().await;
    for mut web in both(&server).await? {
        let stats = web.get("/stats.json").await?;
        assert_eq!(stats.status(), 200);
        assert_eq!(header(&stats, "content-type"), "application/json");
        assert_eq!(header(&stats, "cache-control"), "no-store");
        let none = "\"answered\":0,\"refused\":0,\"deadline_exceeded\":0";
        for part in [
            "{\"schema\":\"longsync.stats/v1\",\"uptime_ns\":231000000,",
            "\"calls_in_flight\":1,",
            "\"calls_started\":{\"LongSync\":2,\"LongSyncStream\":0,",
            &format!("\"LongSync\":{{{none},\"cancelled\":1,\"drained\":0,"),
            "\"GET /long_sync\":{\"answered\":1,\"refused\":1,",
            "\"lateness\":{\"count\":1,\"sum_ns\":0,",
        ] {
            assert!(stats.body().contains(part), "{part} in {}", stats.body());
        }
        assert!(stats.body().ends_with("}\n"));
        let head = web.send("HEAD", "/stats.json", &[]).await?;
        assert_eq!((head.status().as_u16(), head.body().as_str()), (200, ""));
        assert_eq!(web.send("POST", "/stats.json", &[]).await?.status(), 405);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn answers_are_not_for_caches_and_keep_their_type() -> Result<()> {
    let server = Memory::start(config()).await;
    for mut web in both(&server).await? {
        for path in [
            "/",
            "/long_sync?delay=1ms",
            "/long_sync?delay=soon",
            "/healthz",
            "/metrics",
            "/stats.json",
            "/x",
        ] {
            let answer = web.send("GET", path, &[("accept", CHROMIUM)]).await?;
            assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
            assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
        }
        assert_eq!(header(&web.get("/metrics").await?, "vary"), "accept");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn pages_that_are_not_read_are_held_with_all_their_bytes() -> Result<()> {
    const LIMIT: u64 = 1 << 20;
    let limits = Limits { max_buffered_bytes: LIMIT, ..Limits::default() };
    let server = Memory::start(with_limits(limits)).await;
    let page = server.web1().await?.send("GET", "/", &[("accept", CHROMIUM)]).await?;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0).initial_max_send_streams(1_000);
    let unread = Raw::with(&builder, server.open().0).await?;
    let mut coming = Vec::new();
    for _ in 0..100 {
        coming.push(unread.get_with("/", &[("accept", CHROMIUM)]).await?);
    }
    settle().await;
    let (mut there, mut unavailable) = (Vec::new(), 0);
    for answer in coming {
        let answer = answer.await?;
        match answer.status().as_u16() {
            200 => there.push(answer),
            503 => unavailable += 1,
            status => panic!("{status}"),
        }
    }
    let of_bodies = there.len() as u64 * page.body().len() as u64;
    let held_now = held(&server).await?;
    assert!(held_now >= of_bodies && held_now <= LIMIT / 2 + LIMIT / 8, "{held_now}");
    assert!(unavailable > 50 && there.len() > 10, "{unavailable}");
    drop((there, unread));
    settle().await;
    assert_eq!(held(&server).await?, 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_fixed_server_says_so_on_its_page_and_in_its_text() -> Result<()> {
    let server = Memory::start(checked(Options { is_fixed: true, ..options() })).await;
    let page = server.web1().await?.send("GET", "/", &[("accept", CHROMIUM)]).await?;
    assert!(page.body().contains("Its behavior is fixed"), "{}", page.body());
    let text = server.web1().await?.get("/").await?;
    for part in ["for every call)", "/long_sync'", "answers Done!  (?bytes= and ?call_id=)"] {
        assert!(text.body().contains(part), "{part} in {}", text.body());
    }
    for refused in ["delay=", "behavior=", "delay\""] {
        assert!(!text.body().contains(refused), "{refused} in {}", text.body());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_commands_in_the_text_are_not_refused() -> Result<()> {
    for max_delay in [ms(1), ms(50), ms(3_600_000)] {
        let limits = Limits { max_delay, ..Limits::default() };
        let behavior = Behavior::constant(ms(1));
        let server = Memory::start(checked(Options { behavior, limits, ..options() })).await;
        let mut web = server.web1().await?;
        let text = web.get("/").await?.into_body();
        let urls: Vec<_> = text.split("curl 'http://longsync.test").skip(1).collect();
        assert_eq!(urls.len(), 2, "{text}");
        for url in urls {
            let (target, _) = url.split_once('\'').unwrap();
            assert_eq!(web.get(target).await?.status(), 200, "{target} with at most {max_delay:?}");
        }
    }
    Ok(())
}
