//! Finds the shared libraries that a program of a tree needs, and the programs that are for another machine.

use super::contents::{Contents, ContentsError, path};
use super::elf::{self, Elf, ElfError};
use crate::architecture::Architecture;
use crate::tree::{Content, Kind, Name, TreePath};
use std::collections::{BTreeMap, BTreeSet};

/// Why the libraries of a program cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The program or a library cannot be read.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// The file is damaged.
    #[error("`{path}` cannot be used")]
    Elf {
        /// The file.
        path: TreePath,
        /// The fault of the file.
        source: ElfError,
    },
    /// A library is in no folder.
    #[error(
        "`{program}` needs `{library}`, which no library folder of the root filesystem has; add the package that ships it"
    )]
    NotFound {
        /// The program that needs it.
        program: TreePath,
        /// The name in `DT_NEEDED`.
        library: String,
    },
}

/// The programs `paths`, their interpreters, and every library that they need directly or indirectly.
/// These are the paths that the dynamic loader would open, with symlinks not followed. Scripts need no
/// libraries.
///
/// # Errors
///
/// A file cannot be read or is damaged, or a library is missing.
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

/// The folders in which the dynamic loader searches, in its order: the search path of the file, the multiarch
/// folder, the others.
fn folders(contents: Contents<'_>, program: &TreePath, elf: &Elf) -> Vec<TreePath> {
    let real = contents.tree.real_path(program);
    let parent = real.and_then(|real| Some(real.split_last()?.0));
    let origin = parent.unwrap_or(TreePath::root()).to_string();
    let lists = elf.search_path.iter();
    let own = lists.flat_map(|list| list.split(|byte| *byte == b':'));
    let own = own.filter_map(|folder| {
        let folder = String::from_utf8_lossy(folder);
        let folder = folder.replace("${ORIGIN}", &origin);
        without_dots(&folder.replace("$ORIGIN", &origin))
    });
    let mut machines = Architecture::ALL.into_iter();
    let machine = machines.find(|known| known.elf_machine() == elf.machine);
    let multiarch = machine.map(|known| path(&format!("/usr/lib/{}", known.triplet())));
    let rest = ["/usr/lib", "/usr/lib64", "/lib", "/lib64"].map(path);
    own.chain(multiarch).chain(rest).collect()
}

/// `folder` without `..`, as in `$ORIGIN/../lib`: each `..` removes the name before it.
fn without_dots(folder: &str) -> Option<TreePath> {
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
    let fits = |at: &TreePath| {
        let header = header(contents, at, contents.file(at)?).ok()?;
        Some(elf::machine_of(&header)?.0 == machine)
    };
    let mut files = folders.iter().map(|folder| folder.join(&name));
    files.find(|at| fits(at) == Some(true))
}

/// Folders whose ELF files the CPU of the system does not run: firmware for other processors, boot
/// loaders and their modules.
const FOREIGN: [&str; 7] = [
    "/usr/lib/firmware",
    "/usr/lib/grub",
    "/usr/lib/raspi-firmware",
    "/usr/lib/shim",
    "/usr/lib/u-boot",
    "/boot",
    "/usr/share",
];

/// Machine number of programs for the kernel's BPF virtual machine (System V ABI, `EM_BPF`).
const EM_BPF: u16 = 247;

/// All executables and shared objects that are not for `architecture`. Packages are configured with the help
/// of programs of the building machine, none of which may stay in the image.
///
/// # Errors
///
/// A file cannot be read.
pub fn wrong_machine(
    contents: Contents<'_>,
    architecture: Architecture,
) -> Result<Vec<TreePath>, ContentsError> {
    let foreign = FOREIGN.map(path);
    let fits = |machine| machine == architecture.elf_machine() || machine == EM_BPF;
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
