//! The files that `load` writes: completely, or not at all.

use std::path::Path;
use std::process::Output;

use longsync_server::Limits;

use crate::cli::{command, stderr, stdout};
use crate::harness::start;
use crate::load::{folder, load, record, recorded};

const QUICK: [&str; 5] = ["-n", "5", "-c", "1", "--quiet"];

async fn written(url: &str, record: &Path, args: &[&str]) -> Output {
    load(url, &[&QUICK[..], &["--record", record.to_str().unwrap()], args].concat()).await
}

/// The names of the files in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_existing_file_is_kept_without_overwrite() {
    let server = start(Limits::default());
    let (url, folder) = (server.target.to_string(), folder("load_overwrite"));
    let file = folder.join("run.json");
    std::fs::write(&file, "an earlier record").unwrap();
    let output = written(&url, &file, &[]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--overwrite"), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "an earlier record");
    assert_eq!(
        server.stats.snapshot().calls_started(longsync_server::CallKind::LongSync),
        0,
        "a call was made"
    );

    let output = written(&url, &file, &["--overwrite"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let content = std::fs::read_to_string(&file).unwrap();
    assert!(
        content.starts_with("{\n  \"schema\": \"longsync.load/v1\"") && content.ends_with("}\n")
    );
    assert_eq!(names(&folder), ["run.json"], "a temporary file was left");
}

#[tokio::test]
async fn a_missing_folder_is_named_before_any_call() {
    let server = start(Limits::default());
    let url = server.target.to_string();
    let folder = folder("load_nowhere");
    for (file, said) in [
        (folder.join("none").join("run.json"), "there is no folder"),
        (folder.clone(), "it is a directory"),
    ] {
        let output = written(&url, &file, &[]).await;
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
        let record = recorded(&url, &["--record", file.to_str().unwrap()], 1).await;
        assert_eq!(record["end"]["why"], "not_started");
        assert!(record["errors"]["texts"][0]["text"].as_str().unwrap().contains(said));
    }
    assert_eq!(server.stats.snapshot().calls_started(longsync_server::CallKind::LongSync), 0);
}

#[tokio::test]
async fn a_run_is_written_in_every_requested_form() {
    let server = start(Limits::default());
    let (url, folder) = (server.target.to_string(), folder("load_forms"));
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let [svg, hdr, csv] = ["run.svg", "run.hlog", "calls.csv"].map(path);
    let args = [
        "-r",
        "200",
        "-n",
        "100",
        "--svg",
        &svg,
        "--hdr",
        &hdr,
        "--sample",
        "10",
        "--sample-file",
        &csv,
    ];
    let output = load(&url, &args).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("100 good") && text.contains("p99.9"), "{text}");
    assert!(!text.contains(['\u{1b}', '\r']), "a pipe got control characters: {text:?}");
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert!(read(&svg).starts_with("<svg ") && read(&svg).trim_end().ends_with("</svg>"));
    assert!(read(&hdr).contains("schema=longsync.load/v1"), "{}", read(&hdr));
    let rows = read(&csv);
    assert_eq!(rows.lines().count(), 11, "{rows}");
    assert!(rows.lines().skip(1).all(|row| row.contains(",OK,")), "{rows}");
}

#[tokio::test]
async fn metrics_are_refused_on_an_address_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let server = start(Limits::default());
    let output = load(&server.target.to_string(), &["-n", "5", "--metrics", &address]).await;
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains(&address) && said.contains("choose another address"), "{said}");
    assert!(said.contains("for --metrics (the address is in use): "), "{said}");
    // A reader of records always gets one.
    let record = recorded(&server.target.to_string(), &["-n", "5", "--metrics", &address], 1).await;
    assert_eq!(record["end"]["why"], "not_started");
    let text = record["errors"]["texts"][0]["text"].as_str().unwrap();
    assert!(text.contains("choose another address"), "{text}");
    assert_eq!(server.stats.snapshot().calls_started(longsync_server::CallKind::LongSync), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_is_followed_and_not_replaced() {
    let server = start(Limits::default());
    let (url, folder) = (server.target.to_string(), folder("load_link"));
    let [file, link, dangling] =
        ["run.json", "latest.json", "dangling"].map(|name| folder.join(name));
    std::fs::write(&file, "an earlier record").unwrap();
    std::os::unix::fs::symlink("run.json", &link).unwrap();
    std::os::unix::fs::symlink("nowhere.json", &dangling).unwrap();
    let output = written(&url, &link, &["--overwrite"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(link.is_symlink() && std::fs::read_to_string(&file).unwrap().starts_with('{'));
    let output = written(&url, &dangling, &[]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("a link to a file that does not exist"),
        "{}",
        stderr(&output)
    );
}

/// A file size limit of 1 KiB stands in for a full disk.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_a_full_disk_the_old_file_stays_and_the_record_is_still_printed() {
    let server = start(Limits::default());
    let (url, folder) = (server.target.to_string(), folder("load_full"));
    let file = folder.join("run.json");
    std::fs::write(&file, "an earlier record").unwrap();
    let mut command = std::process::Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    let path = file.to_str().unwrap();
    let args = ["load", "--url", &url, "-n", "5", "--json", "--overwrite", "--record", path];
    command.args(["-c", script, env!("CARGO_BIN_EXE_longsync-client")]).args(args);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("cannot write") && stderr(&output).contains("it would be larger")
    );
    assert_eq!(record(&output)["counts"]["good"], 5);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "an earlier record");
    assert_eq!(names(&folder), ["run.json"], "a half-written file was left");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn devices_and_open_outputs_are_written_in_place() {
    let server = start(Limits::default());
    let url = server.target.to_string();
    let output = written(&url, Path::new("/dev/full"), &[]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("cannot write /dev/full: there is no space left"),
        "{}",
        stderr(&output)
    );

    let output = written(&url, Path::new("/dev/stdout"), &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(record(&output)["counts"]["good"], 5);
    let output = written(&url, Path::new("/dev/null"), &[]).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()));

    // An output that is redirected to a file is appended to.
    let file = folder("load_stdout").join("out");
    let mut command =
        command(&[&["load", "--url", &url], &QUICK[..], &["--record", "/dev/stdout"]].concat());
    std::fs::write(&file, "before\n").unwrap();
    command.stdout(std::fs::File::options().append(true).open(&file).unwrap());
    let status = tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("before\n{"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_pipe_gets_the_record_and_an_output_that_nobody_reads_is_not_an_error() {
    let server = start(Limits::default());
    let (url, folder) = (server.target.to_string(), folder("load_pipe"));
    let pipe = folder.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let read = {
        let pipe = pipe.clone();
        tokio::task::spawn_blocking(move || std::fs::read_to_string(pipe).unwrap())
    };
    let output = written(&url, &pipe, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(read.await.unwrap().starts_with("{\n  \"schema\""));

    let mut command = std::process::Command::new("sh");
    let script = "{ \"$0\" \"$@\"; echo $? >&2; } | true";
    command.args(["-c", script, env!("CARGO_BIN_EXE_longsync-client")]);
    command.args(["load", "--url", &url, "-n", "5", "--json"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(stderr(&output), "0\n");
}

/// A named pipe in a folder of this name.
#[cfg(unix)]
fn pipe(name: &str) -> std::path::PathBuf {
    let pipe = folder(name).join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    pipe
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_that_nobody_reads_is_refused_before_any_call() {
    let server = start(Limits::default());
    let (url, pipe) = (server.target.to_string(), pipe("unread_pipe"));
    let pipe = pipe.to_str().unwrap();
    for args in [
        &["load", "--url", &url, "-n", "5", "--svg", pipe][..],
        &["load", "--url", &url, "-n", "5", "--record", pipe, "--overwrite"],
        &["race", "-n", "2", "--delay", "1ms", "--svg", pipe],
        &["behavior", "1ms", "--svg", pipe],
    ] {
        let output = crate::cli::client(args).await;
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", stdout(&output));
        assert!(stderr(&output).contains("start its reader first"), "{}", stderr(&output));
    }
    assert_eq!(server.stats.snapshot().calls_started(longsync_server::CallKind::LongSync), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_with_a_reader_gets_the_whole_result() {
    let server = start(Limits::default());
    let pipe = pipe("read_pipe");
    // Opening waits for the writer.
    let reader = pipe.clone();
    let reading = tokio::task::spawn_blocking(move || std::fs::read_to_string(reader).unwrap());
    let url = server.target.to_string();
    let args = ["-n", "5", "-c", "1", "--quiet", "--record", pipe.to_str().unwrap()];
    // The reader may not have been started yet.
    let mut output = load(&url, &args).await;
    while stderr(&output).contains("start its reader first") {
        output = load(&url, &args).await;
    }
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let record = reading.await.unwrap();
    assert!(record.starts_with("{\n  \"schema\"") && record.ends_with("}\n"), "{record}");
}

#[tokio::test]
async fn a_name_that_ends_like_a_folders_is_refused() {
    let folder = folder("load_folder");
    for end in ["x.svg/", "x.svg/.", "none/.."] {
        let file = format!("{}/{end}", folder.display());
        let output = crate::cli::client(&["behavior", "1ms", "--svg", &file]).await;
        assert_eq!(output.status.code(), Some(1), "{end}");
        assert!(stderr(&output).contains("ends like the name of a folder"), "{}", stderr(&output));
    }
    assert!(names(&folder).is_empty(), "{:?}", names(&folder));
}

/// Runs `load` with this text on stdin.
async fn load_of(args: &[&str], stdin: &str) -> Output {
    use std::io::Write as _;
    use std::process::Stdio;

    let (mut command, stdin) = (command(&[&["load"], args].concat()), stdin.to_owned());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = move || {
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // A client that refuses its arguments reads nothing.
        let _ = pipe.write_all(stdin.as_bytes());
        drop(pipe);
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(running).await.unwrap()
}

#[tokio::test]
async fn input_files_can_be_read_from_stdin() {
    let server = start(Limits::default());
    let url = server.target.to_string();
    let run = recorded(&url, &["--rate", "100", "-n", "4"], 0).await;
    let plan = serde_json::json!({ "schema": run["schema"], "plan": run["plan"] }).to_string();
    for (args, stdin, due) in [
        (&["--url", &url, "--replay", "-"][..], "0\n0.01\n0.02\n", 3),
        (&["--url", &url, "--schedule-file", "-"], "0,100\n0.1,100\n", 10),
        (&["--plan", "-"], &plan, 4),
    ] {
        let output = load_of(&[args, &["--json"]].concat(), stdin).await;
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        assert_eq!(record(&output)["counts"]["due"], due, "{args:?}");
    }
    let output = load_of(&["--replay", "-"], "0\nx\n").await;
    assert!(stderr(&output).contains("stdin: line 2"), "{}", stderr(&output));
    // What one flag has read is gone for the other.
    let output = load_of(&["--replay", "-", "-d", "-"], "0\n").await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("it can be read only once"), "{}", stderr(&output));
}
