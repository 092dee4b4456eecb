//! An index of descriptor sets: which file declares a name, and which other files are needed to read it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};

/// The files of one or more descriptor sets, and what they declare.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    files: Vec<File>,
    by_name: HashMap<String, FileId>,
    by_symbol: HashMap<String, FileId>,
    /// For each message type, the files that declare its extensions, by extension number.
    extensions: HashMap<String, BTreeMap<i32, FileId>>,
    services: BTreeSet<String>,
}

/// An index into [`Descriptors::files`].
pub(super) type FileId = usize;

#[derive(Debug)]
struct File {
    encoded: Vec<u8>,
    imports: Vec<String>,
}

impl Descriptors {
    /// Builds the index. Of several files with the same name, the first counts.
    pub(super) fn new(files: impl IntoIterator<Item = FileDescriptorProto>) -> Self {
        let mut this = Self::default();
        for file in files {
            if !this.by_name.contains_key(file.name()) {
                this.add(file);
            }
        }
        this
    }

    /// The file with this name.
    pub(super) fn file(&self, name: &str) -> Option<FileId> {
        self.by_name.get(name).copied()
    }

    /// The file that declares the symbol with this full name, which has no leading dot.
    pub(super) fn file_of_symbol(&self, name: &str) -> Option<FileId> {
        self.by_symbol.get(name).copied()
    }

    /// The file that declares the extension of a message type with this number.
    pub(super) fn file_of_extension(&self, extended: &str, number: i32) -> Option<FileId> {
        self.extensions.get(extended)?.get(&number).copied()
    }

    /// The numbers of all extensions of a message type, in ascending order; [`None`] if there is no such
    /// type.
    pub(super) fn extension_numbers(&self, extended: &str) -> Option<Vec<i32>> {
        Some(self.extensions.get(extended)?.keys().copied().collect())
    }

    /// The full names of all services, in alphabetical order.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(String::as_str)
    }

    /// An encoded file, followed by those of its direct and indirect imports that are not in `sent`.
    /// Afterwards, all of them are in `sent`.
    pub(super) fn with_imports(&self, file: FileId, sent: &mut BTreeSet<FileId>) -> Vec<Vec<u8>> {
        let (mut seen, mut queue) = (BTreeSet::from([file]), VecDeque::from([file]));
        let mut encoded = Vec::new();
        while let Some(next) = queue.pop_front() {
            // The file that was asked for is always sent, because the client may have no other way to tell
            // which one it is.
            if sent.insert(next) || next == file {
                encoded.push(self.files[next].encoded.clone());
            }
            let imports = self.files[next].imports.iter().filter_map(|name| self.file(name));
            queue.extend(imports.filter(|import| seen.insert(*import)));
        }
        encoded
    }

    fn add(&mut self, file: FileDescriptorProto) {
        let id = self.files.len();
        let package = file.package();
        for message in &file.message_type {
            self.add_message(id, package, message);
        }
        for declared in &file.enum_type {
            self.add_enum(id, package, declared);
        }
        for extension in &file.extension {
            self.add_extension(id, package, extension);
        }
        for service in &file.service {
            let name = self.add_symbol(id, package, service.name());
            for method in &service.method {
                self.add_symbol(id, &name, method.name());
            }
            self.services.insert(name);
        }
        self.by_name.insert(file.name().to_owned(), id);
        self.files.push(File { encoded: file.encode_to_vec(), imports: file.dependency });
    }

    fn add_message(&mut self, file: FileId, scope: &str, message: &DescriptorProto) {
        let name = self.add_symbol(file, scope, message.name());
        let fields = message.field.iter().map(FieldDescriptorProto::name);
        let oneofs = message.oneof_decl.iter().map(prost_types::OneofDescriptorProto::name);
        for member in fields.chain(oneofs) {
            self.add_symbol(file, &name, member);
        }
        for nested in &message.nested_type {
            self.add_message(file, &name, nested);
        }
        for nested in &message.enum_type {
            self.add_enum(file, &name, nested);
        }
        for extension in &message.extension {
            self.add_extension(file, &name, extension);
        }
        self.extensions.entry(name).or_default();
    }

    /// The values of an enum are in the same scope as the enum itself.
    fn add_enum(&mut self, file: FileId, scope: &str, declared: &EnumDescriptorProto) {
        self.add_symbol(file, scope, declared.name());
        for value in &declared.value {
            self.add_symbol(file, scope, value.name());
        }
    }

    fn add_extension(&mut self, file: FileId, scope: &str, extension: &FieldDescriptorProto) {
        self.add_symbol(file, scope, extension.name());
        let extended = extension.extendee().trim_start_matches('.').to_owned();
        self.extensions.entry(extended).or_default().insert(extension.number(), file);
    }

    /// Adds a symbol. Returns its full name.
    fn add_symbol(&mut self, file: FileId, scope: &str, name: &str) -> String {
        let full = if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") };
        self.by_symbol.entry(full.clone()).or_insert(file);
        full
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost_types::FileDescriptorSet;
    use protox::Compiler;
    use protox::file::{ChainFileResolver, File as Source, FileResolver, GoogleFileResolver};

    use super::*;

    const BASE: &str = r#"
        syntax = "proto2";
        package a.b;
        import "google/protobuf/duration.proto";
        message Outer {
            message Inner { optional int32 deep = 1; enum Mood { GLAD = 0; } }
            oneof choice { string text = 1; int32 number = 2; }
            map<string, int32> counts = 3;
            extend Outer { optional string inside = 150; }
            extensions 100 to 200;
        }
        enum Color { RED = 0; BLUE = 1; }
        service Speaker { rpc Say(Outer) returns (google.protobuf.Duration); }
    "#;
    const USER: &str = r#"
        syntax = "proto2";
        import "base.proto";
        extend a.b.Outer { optional string outside = 101; }
        message Bare { extensions 5; }
    "#;

    struct Sources;

    impl FileResolver for Sources {
        fn open_file(&self, name: &str) -> Result<Source, protox::Error> {
            match name {
                "base.proto" => Source::from_source(name, BASE),
                "user.proto" => Source::from_source(name, USER),
                _ => Err(protox::Error::file_not_found(name)),
            }
        }
    }

    fn compiled() -> FileDescriptorSet {
        let mut resolver = ChainFileResolver::new();
        resolver.add(Sources);
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_imports(true).open_file("user.proto").expect("it is valid");
        compiler.file_descriptor_set()
    }

    fn names(files: &[Vec<u8>]) -> Vec<String> {
        let name = |file: &Vec<u8>| {
            FileDescriptorProto::decode(&file[..]).expect("it was encoded").name().to_owned()
        };
        files.iter().map(name).collect()
    }

    fn answered(descriptors: &Descriptors, file: Option<FileId>) -> Vec<String> {
        file.map(|file| names(&descriptors.with_imports(file, &mut BTreeSet::new())))
            .unwrap_or_default()
    }

    #[test]
    fn every_declaration_is_found_by_its_full_name() {
        let descriptors = Descriptors::new(compiled().file);
        for symbol in [
            "a.b.Outer",
            "a.b.Outer.Inner",
            "a.b.Outer.Inner.deep",
            "a.b.Outer.Inner.Mood",
            "a.b.Outer.Inner.GLAD",
            "a.b.Outer.choice",
            "a.b.Outer.text",
            "a.b.Outer.CountsEntry.key",
            "a.b.Outer.inside",
            "a.b.Color",
            "a.b.RED",
            "a.b.Speaker",
            "a.b.Speaker.Say",
        ] {
            let files = answered(&descriptors, descriptors.file_of_symbol(symbol));
            assert_eq!(files, ["base.proto", "google/protobuf/duration.proto"], "{symbol}");
        }
        for symbol in ["outside", "Bare"] {
            let files = answered(&descriptors, descriptors.file_of_symbol(symbol));
            assert_eq!(files[0], "user.proto", "{symbol}");
        }
        for symbol in
            ["", "a", "a.b", ".a.b.Outer", "a.b.Color.RED", "a.b.Outer.Inner.Mood.GLAD", "Outer"]
        {
            assert_eq!(descriptors.file_of_symbol(symbol), None, "{symbol}");
        }
        assert_eq!(descriptors.services().collect::<Vec<_>>(), ["a.b.Speaker"]);
    }

    #[test]
    fn extensions_are_found_by_type_and_number_wherever_they_are_declared() {
        let descriptors = Descriptors::new(compiled().file);
        assert_eq!(descriptors.extension_numbers("a.b.Outer"), Some(vec![101, 150]));
        assert_eq!(descriptors.extension_numbers("Bare"), Some(vec![]));
        assert_eq!(descriptors.extension_numbers("a.b.Color"), None);
        assert_eq!(descriptors.extension_numbers("no.Such"), None);
        for (number, file) in [(101, Some("user.proto")), (150, Some("base.proto")), (102, None)] {
            let files = answered(&descriptors, descriptors.file_of_extension("a.b.Outer", number));
            assert_eq!(files.first().map(String::as_str), file, "{number}");
        }
    }

    proptest! {
        /// For files that import one another at random: after each answer, the reader has everything
        /// that it needs to read the file that it asked for, and nothing was sent twice without
        /// being asked for.
        #[test]
        fn an_answer_adds_exactly_what_is_missing(
            imports in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 1..12),
            asked in proptest::collection::vec(any::<u8>(), 1..12),
        ) {
            let descriptors = Descriptors::new(imports.iter().enumerate().map(|(index, imports)| {
                let earlier = imports.iter().filter(|_| index > 0).map(|at| usize::from(*at) % index);
                FileDescriptorProto {
                    name: Some(index.to_string()),
                    dependency: earlier.map(|at| at.to_string()).collect(),
                    ..FileDescriptorProto::default()
                }
            }));
            let (mut sent, mut had) = (BTreeSet::new(), BTreeSet::new());
            for asked in asked {
                let asked = usize::from(asked) % imports.len();
                let name = asked.to_string();
                let file = descriptors.file(&name).expect("it is there");
                let came = names(&descriptors.with_imports(file, &mut sent));
                prop_assert_eq!(&came[0], &name);
                for file in &came[1..] {
                    prop_assert!(!had.contains(file), "{} again", file);
                }
                had.extend(came);
                let mut needed = vec![asked];
                while let Some(next) = needed.pop() {
                    prop_assert!(had.contains(&next.to_string()));
                    needed.extend(descriptors.files[next].imports.iter().flat_map(|at| at.parse::<usize>()));
                }
            }
        }
    }
}
