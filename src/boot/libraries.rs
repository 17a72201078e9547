//! Shared libraries inside a tree: which files a program needs so that it can start, and which
//! programs are for another machine.

use super::contents::{Contents, ContentsError, path};
use super::elf::{self, Elf, ElfError};
use crate::architecture::Architecture;
use crate::tree::{Content, Kind, Name, TreePath};
use std::collections::{BTreeMap, BTreeSet};

/// Why the libraries of a program cannot be named.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The program or a library cannot be read.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// It is damaged.
    #[error("`{path}` cannot be used")]
    Elf {
        /// The file.
        path: TreePath,
        /// What is wrong with it.
        source: ElfError,
    },
    /// No folder has the library.
    #[error(
        "`{program}` needs `{library}`, which no library folder of the root filesystem has; add the package that ships it"
    )]
    NotFound {
        /// Who needs it.
        program: TreePath,
        /// The name in `DT_NEEDED`.
        library: String,
    },
}

/// The programs `paths`, their interpreters and every library they need, directly or not: paths as
/// the dynamic loader would open them, symlinks not yet followed. Scripts need nothing.
pub fn closure(
    contents: Contents<'_>,
    paths: &[TreePath],
) -> Result<BTreeSet<TreePath>, LibraryError> {
    let mut found = BTreeSet::new();
    let mut ahead: Vec<TreePath> = paths.to_vec();
    while let Some(program) = ahead.pop() {
        if !found.insert(program.clone()) {
            continue;
        }
        let elf = match Elf::parse(&contents.bytes(&program)?) {
            Ok(elf) => elf,
            Err(ElfError::NotElf) => continue,
            Err(source) => {
                return Err(LibraryError::Elf {
                    path: program,
                    source,
                });
            }
        };
        if let Some(interpreter) = &elf.interpreter {
            ahead.extend(TreePath::parse(interpreter).ok());
        }
        let folders = folders(contents, &program, &elf);
        for library in &elf.needed {
            let at = find(contents, &folders, library, elf.machine);
            ahead.push(at.ok_or_else(|| LibraryError::NotFound {
                program: program.clone(),
                library: String::from_utf8_lossy(library).into_owned(),
            })?);
        }
    }
    Ok(found)
}

/// Where the loader looks, in its order: the file's own search path, the multiarch folder, the rest.
fn folders(contents: Contents<'_>, program: &TreePath, elf: &Elf) -> Vec<TreePath> {
    let real = contents.tree.real_path(program);
    let origin = real
        .and_then(|real| real.split_last())
        .map(|(parent, _)| parent);
    let origin = origin.unwrap_or(TreePath::root()).to_string();
    let own = elf
        .search_path
        .iter()
        .flat_map(|list| list.split(|byte| *byte == b':'));
    let own = own.filter_map(|folder| {
        let folder = String::from_utf8_lossy(folder);
        let folder = folder
            .replace("${ORIGIN}", &origin)
            .replace("$ORIGIN", &origin);
        lexical(&folder)
    });
    let machine = Architecture::ALL
        .into_iter()
        .find(|known| known.elf_machine() == elf.machine);
    let multiarch = machine.map(|known| path(&format!("/usr/lib/{}", known.triplet())));
    let rest = ["/usr/lib", "/usr/lib64", "/lib", "/lib64"].map(path);
    own.chain(multiarch).chain(rest).collect()
}

/// `folder` with `..` taken away by name, as `$ORIGIN/../lib` needs it.
fn lexical(folder: &str) -> Option<TreePath> {
    let mut names: Vec<Name> = Vec::new();
    for component in folder.split('/') {
        match component {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(Name::new(name.as_bytes()).ok()?),
        }
    }
    Some(TreePath::from_names(names))
}

fn find(
    contents: Contents<'_>,
    folders: &[TreePath],
    library: &[u8],
    machine: u16,
) -> Option<TreePath> {
    let name = Name::new(library).ok()?;
    folders.iter().map(|folder| folder.join(&name)).find(|at| {
        let content = contents.file(at);
        let header = content.and_then(|content| header(contents, at, content).ok());
        header
            .and_then(|header| elf::machine_of(&header))
            .is_some_and(|(found, _)| found == machine)
    })
}

/// Folders whose ELF files are not for the CPU that runs the system: firmware for other processors,
/// boot loaders and their modules.
const FOREIGN: [&str; 7] = [
    "/usr/lib/firmware",
    "/usr/lib/grub",
    "/usr/lib/raspi-firmware",
    "/usr/lib/shim",
    "/usr/lib/u-boot",
    "/boot",
    "/usr/share",
];

/// Machine number of programs for the kernel's own virtual machine (System V ABI, `EM_BPF`).
const EM_BPF: u16 = 247;

/// Every executable, shared object and kernel module that is not for `architecture`. After packages
/// were configured with programs of the building machine beside them, none may have stayed.
pub fn wrong_machine(
    contents: Contents<'_>,
    architecture: Architecture,
) -> Result<Vec<TreePath>, ContentsError> {
    let foreign = FOREIGN.map(path);
    let mut seen: BTreeMap<_, bool> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (at, id) in contents.tree.walk() {
        let Kind::File(content) = &contents.tree.node(id).kind else {
            continue;
        };
        if foreign.iter().any(|folder| at.starts_with(folder)) {
            continue;
        }
        let is_wrong = match seen.get(&id) {
            Some(known) => *known,
            None => {
                let header = header(contents, &at, content)?;
                let linked = elf::machine_of(&header).filter(|(_, linked)| *linked);
                let fits = |machine| machine == architecture.elf_machine() || machine == EM_BPF;
                linked.is_some_and(|(machine, _)| !fits(machine))
            }
        };
        seen.insert(id, is_wrong);
        if is_wrong {
            wrong.push(at);
        }
    }
    Ok(wrong)
}

/// The first bytes of a file, without reading the rest.
fn header(
    contents: Contents<'_>,
    path: &TreePath,
    content: &Content,
) -> Result<Vec<u8>, ContentsError> {
    const LEN: u64 = 64;
    let short = content.head(LEN);
    contents.read(path, &short).map(|bytes| bytes.to_vec())
}
