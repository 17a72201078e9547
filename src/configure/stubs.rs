//! Stubs for programs that must not do in a sandbox what they do on a running system.

use super::error::ConfigureError;
use super::request::{Archive, ConfigureRequest};
use crate::sandbox::job::Stub;
use crate::tree::TreePath;
use std::io;

const NOTHING: &str = "#!/bin/sh\nexit 0\n";
/// Each device makes its own self-signed certificate (`overlays/base`,
/// `imgbuild-certificate.service`). Scripts of other packages look whether there is one; that of
/// dovecot-core then makes links to it. This stub makes a file for them to find, and `normalize`
/// removes it.
const MAKE_SSL_CERT: &str = r#"#!/bin/sh
case " $* " in *" generate-default-snakeoil "*) ;; *) exit 0 ;; esac
certificate=/etc/ssl/certs/ssl-cert-snakeoil.pem
key=/etc/ssl/private/ssl-cert-snakeoil.key
[ -e $certificate ] || echo "Made by each device." > $certificate
[ -e $key ] || {
	echo "Made by each device." > $key
	chown root:ssl-cert $key
	chmod 640 $key
}
"#;
const U_BOOT_UPDATE: &str = "/usr/sbin/u-boot-update";
/// The menu of U-Boot.
const MENU: &str = "/boot/extlinux/extlinux.conf";

/// The stubs for programs of the tree. A program of a package that dpkg is about to unpack gets
/// none, because dpkg must be able to write it.
pub(super) fn stubs(request: &ConfigureRequest<'_>) -> Result<Vec<Stub>, ConfigureError> {
    let mut stubs = vec![
        // invoke-rc.d(8): 101 forbids starting any service.
        (
            "",
            "/usr/sbin/policy-rc.d",
            "#!/bin/sh\nexit 101\n".to_owned(),
        ),
        ("u-boot-menu", U_BOOT_UPDATE, u_boot_update(request)?),
        (
            "ssl-cert",
            "/usr/sbin/make-ssl-cert",
            MAKE_SSL_CERT.to_owned(),
        ),
    ];
    let mut idle = vec![
        // Each device makes its host keys at its first boot.
        ("openssh-client", "/usr/bin/ssh-keygen"),
        // A timer on the device builds the index of manual pages.
        ("man-db", "/usr/bin/mandb"),
    ];
    if !makes_initramfs(request.archives) {
        // imgbuild makes the initramfs, or the image has one.
        idle.push(("initramfs-tools", "/usr/sbin/update-initramfs"));
    }
    let idle = idle.into_iter();
    stubs.extend(idle.map(|(package, path)| (package, path, NOTHING.to_owned())));
    stubs.retain(|(package, ..)| !(request.archives.iter()).any(|it| it.name == *package));
    let stub = |(package, path, text): (&str, &str, String)| Stub {
        path: path.to_owned(),
        text,
        placed: package.is_empty(),
    };
    Ok(stubs.into_iter().map(stub).collect())
}

/// Whether a kernel is installed on an image, which then needs an initramfs made by the image's own
/// rules.
pub(super) fn makes_initramfs(archives: &[Archive]) -> bool {
    let mut names = archives.iter().map(|archive| &archive.name);
    names.any(|name| name.starts_with("linux-image-"))
}

/// The stub that a kernel's hooks run to write the menu of U-Boot. In a system made of packages it
/// does nothing, because imgbuild writes the menu when the root filesystem has its UUID. On a base
/// image it runs the image's own program, with functions in place of the commands by which that
/// program looks at the running system: it then sees the device.
fn u_boot_update(request: &ConfigureRequest<'_>) -> Result<String, ConfigureError> {
    let own = match request.archives.is_empty() {
        true => None,
        false => text(request, U_BOOT_UPDATE)?,
    };
    let Some(own) = own else {
        return Ok(NOTHING.to_owned());
    };
    let menu = text(request, MENU)?.unwrap_or_default();
    let mut lines = menu.lines().map(str::trim);
    let appended = lines.find_map(|line| line.strip_prefix("append "));
    let command_line = appended.unwrap_or_default().replace('\'', "'\\''");
    let stat = match request.mounts.contains(&TreePath::constant("/boot")) {
        // The program asks whether both folders are on the same device.
        true => "stat() { for last; do :; done; echo \"$last\"; }\n",
        false => "",
    };
    Ok(format!(
        "#!/bin/sh\ncat() {{\n\tif [ \"$*\" = /proc/cmdline ]; then echo '{command_line}'; else command cat \"$@\"; \
         fi\n}}\n{stat}{own}"
    ))
}

/// The text of the file at `path` of the tree, if it has one.
fn text(request: &ConfigureRequest<'_>, path: &str) -> io::Result<Option<String>> {
    let content = request.tree.file(&TreePath::constant(path));
    content.map(|it| it.text(request.store)).transpose()
}
