//! Files that are printed on stdout, named by `-`.

use longsync_server::Limits;

use crate::cli::{client, command, stderr, stdout};
use crate::harness::start;
use crate::load::{folder, load};

/// Whether the text is exactly one picture.
fn is_picture(text: &str) -> bool {
    roxmltree::Document::parse(text)
        .is_ok_and(|svg| svg.root_element().has_tag_name(("http://www.w3.org/2000/svg", "svg")))
}

#[tokio::test]
async fn a_printed_picture_is_the_only_thing_on_stdout() {
    let server = start(Limits::default());
    let url = server.target.to_string();
    for args in [
        &["race", "-n", "2", "--delay", "1ms", "--svg", "-"][..],
        &["-n", "2", "--delay", "1ms", "--color", "always", "--svg=-"],
        &["behavior", "exponential(5ms)", "--svg", "-"],
        &["load", "--url", &url, "-n", "20", "--svg", "-"],
        &["load", "--url", &url, "-n", "20", "--quiet", "--svg", "-"],
    ] {
        let output = client(args).await;
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        assert!(is_picture(&stdout(&output)), "{args:?}: {}", stdout(&output));
    }
}

#[tokio::test]
async fn each_file_of_a_load_can_be_printed() {
    let server = start(Limits::default());
    let (url, folder) = (server.target.to_string(), folder("load_printed"));
    for (args, begins) in [
        (&["--record", "-"][..], "{\n  \"schema\": \"longsync.load/v1\""),
        (&["--hdr", "-"], "#[Histogram log"),
        (&["--sample", "5", "--sample-file", "-"], "number,due_ns,sent_ns"),
    ] {
        let mut command = command(&[&["load", "--url", &url, "-n", "20"], args].concat());
        command.current_dir(&folder);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
        let text = stdout(&output);
        assert!(text.starts_with(begins) && !text.contains("service time"), "{args:?}: {text}");
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "a file was created");
    // One of them on stdout, the others in files.
    let file = folder.join("run.json");
    let args = ["-n", "20", "--svg", "-", "--record", file.to_str().unwrap()];
    let output = load(&url, &args).await;
    assert!(is_picture(&stdout(&output)), "{}", stdout(&output));
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("{\n"));
}

#[tokio::test]
async fn a_printed_record_is_the_json_one_however_the_run_ends() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = client(&["load", "--url", &format!("http://{free}"), "--record", "-"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let record: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(record["end"]["why"], "not_started");
    let server = start(Limits::default());
    let url = server.target.to_string();
    let output = load(&url, &["-n", "5", "--repeat", "2", "--record", "-"]).await;
    let records =
        serde_json::Deserializer::from_slice(&output.stdout).into_iter::<serde_json::Value>();
    assert_eq!(
        records.map(|record| record.unwrap()["counts"]["good"].clone()).collect::<Vec<_>>(),
        [5, 5]
    );
}

#[tokio::test]
async fn at_most_one_output_goes_to_stdout() {
    for (args, why) in [
        (
            &["race", "--svg", "-", "--json"][..],
            "--json and --svg - would both be printed on stdout",
        ),
        (&["--svg", "-", "--json"], "--json and --svg - would both be printed on stdout"),
        (
            &["behavior", "1s", "--svg", "-", "--json"],
            "--json and --svg - would both be printed on stdout",
        ),
        (&["load", "--svg", "-", "--json"], "--json and --svg - would both be printed on stdout"),
        (
            &["load", "--record", "-", "--json"],
            "--json and --record - would both be printed on stdout",
        ),
        (
            &["load", "--record", "-", "--hdr", "-"],
            "--record - and --hdr - would both be printed on stdout",
        ),
        (
            &["load", "--svg", "-", "--repeat", "2"],
            "--svg - would print all of them on stdout: give a name with {n}",
        ),
    ] {
        let output = client(args).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(stderr(&output).contains(why), "{args:?}: {}", stderr(&output));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_cannot_be_written_is_reported_with_the_reason_in_words() {
    let folder = folder("unwritable");
    std::fs::write(folder.join("file"), "").unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (nowhere, directory, through) = (path("none/a.svg"), path(""), path("file/a.svg"));
    let long = path(&"x".repeat(300));
    for (file, why) in [
        (
            &nowhere,
            format!(
                "cannot write {nowhere} (there is no folder {}): ",
                folder.join("none").display()
            ),
        ),
        (&directory, format!("cannot write {directory} (it is a directory): ")),
        (&through, format!("cannot write {through} (part of its path is not a folder): ")),
        (&long, format!("cannot write {long} (a file cannot have that name): ")),
    ] {
        for args in [&["race", "--delay", "1ms"][..], &["behavior", "1s"], &["load", "-n", "1"]] {
            let output = client(&[args, &["--svg", file]].concat()).await;
            assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
            let said = stderr(&output);
            assert!(
                said.contains(&format!("{why}choose another file with --svg")),
                "{args:?}: {said}"
            );
            assert!(!said.contains("os error"), "{said}");
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_stdout_fails_a_picture_that_is_printed() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = command(&["behavior", "1s", "--svg", "-"]);
    command.stdout(full);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = "longsync-client: cannot write to stdout: there is no space left on the device\n";
    assert_eq!(stderr(&output), said);
}
