//! The programs that are compared: where they are, how they are built, and which arguments they take.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use longsync_connect::Target;
use prost::Message as _;
use prost_types::compiler::{CodeGeneratorRequest, CodeGeneratorResponse};

use crate::machine::version_of;
use crate::process::{self, Cores, Process};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(10);
/// How long before its due time a spinning server polls.
const SPIN: &str = "200us";
const CONTRACT: &str = "longsync/v1/longsync.proto";

/// The path of a program, or why it is missing and how to install it.
type ProgramLookup = Result<PathBuf, String>;

/// Everything that can be compared on this machine.
#[derive(Debug)]
pub(crate) struct Peers {
    longsync: PathBuf,
    client: ProgramLookup,
    bench: PathBuf,
    tonic: ProgramLookup,
    grpc_go: ProgramLookup,
    nghttpd: ProgramLookup,
    h2load: ProgramLookup,
    ghz: ProgramLookup,
}

/// A server that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerServer {
    Longsync,
    /// Ours, with threads that poll instead of sleeping.
    LongsyncSpin,
    Tonic,
    GrpcGo,
    /// Serves a static file, without gRPC.
    Nghttpd,
}

/// A generator that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generator {
    /// Our engine, in a separate process.
    Longsync,
    /// Our command, including its collector, its report and its record.
    Command,
    Tonic,
    GrpcGo,
    /// Does not read the gRPC status.
    H2load,
    Ghz,
}

/// A closed loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClosedLoop {
    pub(crate) calls: u64,
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
}

impl ClosedLoop {
    /// How many calls each connection has in flight.
    fn streams(self) -> usize {
        self.in_flight / self.connections
    }
}

impl fmt::Display for ClosedLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} connections x {} streams", self.connections, self.streams())
    }
}

/// An open loop over one connection, at equal distances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenLoop {
    pub(crate) calls: u64,
    /// Calls per second.
    pub(crate) rate: u64,
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct RunningPeer {
    pub(crate) process: Process,
    pub(crate) target: Target,
}

impl RunningPeer {
    /// Starts a server whose first line has the address at which it listens.
    pub(crate) fn start(command: &mut Command, cores: Cores) -> anyhow::Result<Self> {
        let process = Process::start(command, cores)?;
        let line = process.line(START)?;
        let (_, address) = line.split_once("http://").context("its first line has no address")?;
        let target = format!("http://{address}").parse()?;
        Ok(Self { process, target })
    }
}

impl PeerServer {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Longsync => "longsync-server",
            Self::LongsyncSpin => "longsync-server --spin, one worker on a dedicated core",
            Self::Tonic => "naive tonic",
            Self::GrpcGo => "grpc-go",
            Self::Nghttpd => "nghttpd, a static file",
        }
    }
}

impl Generator {
    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Longsync => "longsync's load engine",
            Self::Command => "`longsync-client load`",
            Self::Tonic => "naive tonic `Channel`",
            Self::GrpcGo => "grpc-go",
            Self::H2load => "h2load (no gRPC status)",
            Self::Ghz => "ghz",
        }
    }
}

impl Peers {
    /// Builds our programs and the peers whose sources are here; looks for the others.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let bench = env::current_exe()?;
        let target = target_directory()?;
        let longsync = build_longsync()?;
        let client = build_client(&target);
        say("building its peers");
        Ok(Self {
            longsync,
            client,
            bench,
            tonic: build_tonic(&target),
            grpc_go: build_grpc_go(&target),
            nghttpd: on_path("nghttpd", "apt-get install nghttp2-server"),
            h2load: on_path("h2load", "apt-get install nghttp2-client"),
            ghz: on_path("ghz", "go install github.com/bojand/ghz/cmd/ghz@latest"),
        })
    }

    /// Starts a server with the given number of threads, or fails with the reason.
    pub(crate) fn serve(
        &self,
        server: PeerServer,
        threads: usize,
        cores: Cores,
    ) -> anyhow::Result<RunningPeer> {
        let count = threads.to_string();
        let mut command;
        match server {
            PeerServer::Longsync | PeerServer::LongsyncSpin => {
                command = Command::new(&self.longsync);
                command.args(["--listen", "127.0.0.1:0", "--workers", &count]);
                if server == PeerServer::LongsyncSpin {
                    command.args(["--spin", SPIN]);
                }
            }
            PeerServer::Tonic => {
                command = Command::new(found(&self.tonic)?);
                command.args(["server", &count]);
            }
            PeerServer::GrpcGo => {
                command = Command::new(found(&self.grpc_go)?);
                command.arg("server").env("GOMAXPROCS", &count);
            }
            PeerServer::Nghttpd => return self.serve_file(&count, cores),
        }
        RunningPeer::start(&mut command, cores)
    }

    /// Starts ours on one thread, with a behavior for calls that do not ask for one.
    pub(crate) fn serve_behavior(
        &self,
        behavior: &str,
        cores: Cores,
    ) -> anyhow::Result<RunningPeer> {
        let mut command = Command::new(&self.longsync);
        command.args(["--listen", "127.0.0.1:0", "--workers", "1", "--behavior", behavior]);
        RunningPeer::start(&mut command, cores)
    }

    fn serve_file(&self, threads: &str, cores: Cores) -> anyhow::Result<RunningPeer> {
        let nghttpd = found(&self.nghttpd)?;
        let files = self.bench.with_file_name("bench-files");
        fs::create_dir_all(&files)?;
        // The same length as an answer of ours.
        fs::write(files.join("answer"), [b'.'; 100])?;
        // nghttpd does not accept port 0; the port is free for the short time in between.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new(nghttpd);
        command.args(["--no-tls", "--address=127.0.0.1", "-n", threads, "-d"]);
        let process = Process::start(command.arg(files).arg(port.to_string()), cores)?;
        let give_up = Instant::now() + START;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if Instant::now() > give_up {
                bail!("nghttpd does not listen");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let target = format!("http://127.0.0.1:{port}").parse()?;
        Ok(RunningPeer { process, target })
    }

    /// Our generator, in its own process.
    pub(crate) fn generate(&self, target: &Target) -> Command {
        let mut command = Command::new(&self.bench);
        command.arg("generate").arg("--target").arg(target.to_string());
        command
    }

    /// A closed loop without a delay, with any of the generators.
    pub(crate) fn closed_loop(
        &self,
        generator: Generator,
        target: &Target,
        closed: ClosedLoop,
    ) -> anyhow::Result<Command> {
        let [calls, connections, in_flight] =
            [closed.calls, closed.connections as u64, closed.in_flight as u64]
                .map(|number| number.to_string());
        let url = target.to_string();
        let address = url.trim_start_matches("http://");
        let mut command;
        match generator {
            Generator::Longsync => {
                command = self.generate(target);
                command.args(["--calls", &calls, "--connections", &connections]);
                command.args(["--in-flight", &in_flight]);
            }
            Generator::Command => {
                command = self.load(target)?;
                command.args(["--calls", &calls, "--connections", &connections]);
                command.args(["--concurrency", &in_flight]);
            }
            Generator::Tonic => {
                command = Command::new(found(&self.tonic)?);
                command.args(["client", &url, &calls, "0", &connections, &in_flight]);
            }
            Generator::GrpcGo => {
                command = Command::new(found(&self.grpc_go)?);
                command.args(["client", address, &calls, "0", &connections, &in_flight]);
            }
            Generator::H2load => {
                // An uncompressed message of two bytes: a delay of zero.
                command = self.unary_by_h2load(&url, closed, &[0, 0, 0, 0, 2, 10, 0])?;
            }
            Generator::Ghz => {
                command = Command::new(found(&self.ghz)?);
                command.args(["--insecure", "--call", "longsync.v1.LongSyncService.LongSync"]);
                command.args(["-d", r#"{"delay":"0s"}"#, "-n", &calls, "-c", &in_flight]);
                command.args(["--connections", &connections, "--format", "json"]);
                command.arg(address);
            }
        }
        Ok(command)
    }

    /// An open loop without a delay, with one of our generators.
    pub(crate) fn open_loop(
        &self,
        generator: Generator,
        target: &Target,
        open: OpenLoop,
    ) -> anyhow::Result<Command> {
        let mut command = match generator {
            Generator::Longsync => self.generate(target),
            Generator::Command => self.load(target)?,
            _ => bail!("this generator is not measured in an open loop"),
        };
        let [calls, rate] = [open.calls, open.rate].map(|number| number.to_string());
        command.args(["--calls", &calls, "--rate", &rate]);
        Ok(command)
    }

    /// Our command, which prints its record.
    fn load(&self, target: &Target) -> anyhow::Result<Command> {
        let mut command = self.load_by_default(target)?;
        command.args(["--delay", "0s"]);
        Ok(command)
    }

    /// The same, with calls that leave their delay to the server.
    pub(crate) fn load_by_default(&self, target: &Target) -> anyhow::Result<Command> {
        let mut command = Command::new(found(&self.client)?);
        command.args(["load", "--url", &target.to_string(), "--json"]);
        Ok(command)
    }

    /// A closed loop with h2load, whose calls ask for neither a delay nor a behavior.
    pub(crate) fn calls_by_default(
        &self,
        target: &Target,
        closed: ClosedLoop,
    ) -> anyhow::Result<Command> {
        // An uncompressed empty message.
        self.unary_by_h2load(&target.to_string(), closed, &[0; 5])
    }

    fn unary_by_h2load(
        &self,
        url: &str,
        closed: ClosedLoop,
        message: &[u8],
    ) -> anyhow::Result<Command> {
        let mut command =
            self.h2load(&format!("{url}/longsync.v1.LongSyncService/LongSync"), closed)?;
        let request = self.bench.with_file_name("bench-request");
        fs::write(&request, message)?;
        command.arg("-d").arg(request);
        command.args(["-H", "content-type: application/grpc", "-H", "te: trailers"]);
        Ok(command)
    }

    /// The memory of waiting calls with another client: all are sent at once.
    pub(crate) fn waiting_client(
        &self,
        generator: Generator,
        target: &Target,
        closed: ClosedLoop,
        delay: Duration,
    ) -> anyhow::Result<Command> {
        let url = target.to_string();
        let address = url.trim_start_matches("http://");
        let (program, whom) = match generator {
            Generator::Tonic => (found(&self.tonic)?, url.as_str()),
            Generator::GrpcGo => (found(&self.grpc_go)?, address),
            _ => bail!("this client does not make unary calls in one process"),
        };
        let mut command = Command::new(program);
        command.args(["client", whom, &closed.calls.to_string(), &delay.as_nanos().to_string()]);
        command.args([&closed.connections.to_string(), &closed.in_flight.to_string()]);
        Ok(command)
    }

    /// h2load at `url`, on one thread.
    pub(crate) fn h2load(&self, url: &str, closed: ClosedLoop) -> anyhow::Result<Command> {
        let mut command = Command::new(found(&self.h2load)?);
        command.args(["-n", &closed.calls.to_string(), "-c", &closed.connections.to_string()]);
        command.args(["-m", &closed.streams().to_string(), url]);
        Ok(command)
    }

    /// The compared programs, with their versions.
    pub(crate) fn versions(&self) -> Vec<String> {
        let mut versions = own_versions();
        versions.extend(locked(&root().join("bench/peers/tonic/Cargo.lock"), "tonic"));
        versions.extend(required(&root().join("bench/peers/grpc-go/go.mod")));
        versions.extend(version_of(Command::new("go").arg("version")));
        if let Ok(h2load) = &self.h2load {
            versions.extend(version_of(Command::new(h2load).arg("--version")));
        }
        if let Ok(ghz) = &self.ghz {
            let version = version_of(Command::new(ghz).arg("--version"));
            versions.extend(version.map(|version| format!("ghz {version}")));
        }
        versions
    }
}

/// The versions of our build.
pub(crate) fn own_versions() -> Vec<String> {
    let mut versions = vec![format!("longsync {}", env!("CARGO_PKG_VERSION"))];
    versions.extend(version_of(Command::new("rustc").arg("--version")));
    versions
}

/// The workspace's directory.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Reports the progress of the measurements.
pub(crate) fn say(what: &str) {
    // If stderr cannot be written either, there is no one to report it to.
    let _ = writeln!(std::io::stderr(), "longsync-bench: {what}");
}

/// Builds our server in its release form, and returns its path.
pub(crate) fn build_longsync() -> anyhow::Result<PathBuf> {
    build("longsync-server", &target_directory()?)
}

fn build_client(target: &Path) -> ProgramLookup {
    build("longsync-client", target).map_err(|why| format!("cannot be built: {why:#}"))
}

fn build(package: &str, target: &Path) -> anyhow::Result<PathBuf> {
    say(&format!("building {package}"));
    // Separate from this program's build, which unifies its dependencies' features differently.
    let mut build = Command::new(cargo());
    build.current_dir(root()).args(["build", "--release", "--package", package]);
    process::run(build.arg("--target-dir").arg(target))?;
    Ok(target.join("release").join(package))
}

/// The target directory of this program's build.
fn target_directory() -> anyhow::Result<PathBuf> {
    let this = env::current_exe()?;
    Ok(this.ancestors().nth(2).context("no target directory")?.to_owned())
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn found(program: &ProgramLookup) -> anyhow::Result<&Path> {
    match program {
        Ok(path) => Ok(path),
        Err(why) => bail!("{why}"),
    }
}

fn on_path(name: &str, install: &str) -> ProgramLookup {
    let path = env::var_os("PATH").unwrap_or_default();
    // `go install` puts programs here, which is usually not on the PATH.
    let go = env::home_dir().map(|home| home.join("go/bin"));
    let mut directories = env::split_paths(&path).chain(go);
    let program = directories.find_map(|directory| {
        let program = directory.join(name);
        program.is_file().then_some(program)
    });
    program.ok_or_else(|| format!("not installed: `{install}`"))
}

fn build_tonic(target: &Path) -> ProgramLookup {
    let target = target.join("bench-peers");
    let mut build = Command::new(cargo());
    build.current_dir(root().join("bench/peers/tonic"));
    build.args(["build", "--release", "--locked", "--target-dir"]).arg(&target);
    match process::run(&mut build) {
        Ok(()) => Ok(target.join("release/naive-tonic")),
        Err(why) => Err(format!("cannot be built: {why:#}")),
    }
}

fn build_grpc_go(target: &Path) -> ProgramLookup {
    if Command::new("go").arg("version").output().is_err() {
        return Err("not installed: Go, from https://go.dev/dl".to_owned());
    }
    let sources = root().join("bench/peers/grpc-go");
    let program = target.join("bench-peers/grpc-go");
    let build = || {
        for plugin in ["protoc-gen-go", "protoc-gen-go-grpc"] {
            generate_go(&sources, plugin)?;
        }
        let mut build = Command::new("go");
        process::run(build.current_dir(&sources).args(["build", "-o"]).arg(&program).arg("."))
    };
    match build() {
        Ok(()) => Ok(program),
        Err(why) => Err(format!("cannot be built: {why:#}")),
    }
}

/// Lets one of Go's protoc plug-ins generate its part of the contract. They need only
/// descriptors, which our contract crate has; so protoc itself is not needed.
fn generate_go(sources: &Path, plugin: &str) -> anyhow::Result<()> {
    let descriptors = prost_types::FileDescriptorSet::decode(longsync::FILE_DESCRIPTOR_SET)?;
    let request = CodeGeneratorRequest {
        file_to_generate: vec![CONTRACT.to_owned()],
        parameter: Some(format!("module=longsync/bench,M{CONTRACT}=longsync/bench/longsyncv1")),
        proto_file: descriptors.file,
        compiler_version: None,
    };
    let mut child = Command::new("go")
        .current_dir(sources)
        .args(["tool", plugin])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // Dropped at once, so that the plug-in sees the end of its input.
    child.stdin.take().context("stdin was piped")?.write_all(&request.encode_to_vec())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{plugin} ended with {}", output.status);
    }
    let response = CodeGeneratorResponse::decode(output.stdout.as_slice())?;
    if let Some(error) = response.error {
        bail!("{plugin}: {error}");
    }
    for file in response.file {
        let path = sources.join(file.name());
        fs::create_dir_all(path.parent().context("a file has a directory")?)?;
        fs::write(path, file.content())?;
    }
    Ok(())
}

/// The version of a package in a Cargo.lock.
fn locked(path: &Path, name: &str) -> Option<String> {
    let lock = fs::read_to_string(path).ok()?;
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    Some(format!("{name} {}", after.split('"').next()?))
}

/// The version of grpc-go in a go.mod.
fn required(path: &Path) -> Option<String> {
    let module = fs::read_to_string(path).ok()?;
    let version =
        module.lines().find_map(|line| line.trim().strip_prefix("google.golang.org/grpc "));
    Some(format!("grpc-go {}", version?))
}
