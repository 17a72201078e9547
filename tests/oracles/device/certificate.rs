//! The self-signed certificate that each device makes for Debian's servers.

use super::scratch::Device;

const CERTIFICATE: &str = "/etc/ssl/certs/ssl-cert-snakeoil.pem";
const KEY: &str = "/etc/ssl/private/ssl-cert-snakeoil.key";
const MADE: &str = "/usr/lib/imgbuild/certificate";
const DONE: &str = "/var/lib/imgbuild/certificate-done";

/// A device whose `make-ssl-cert` calls OpenSSL as Debian's does, without the questions of debconf.
fn device() -> Device {
    let device = Device::flashed("base");
    for folder in ["/etc/ssl/certs/x", "/etc/ssl/private/x"] {
        device.write(folder, "");
    }
    device.program(
        "make-ssl-cert",
        &format!(
            "[ \"$*\" = 'generate-default-snakeoil --force-overwrite' ] || exit 2
             openssl req -config /dev/null -new -x509 -nodes -subj /CN=box -newkey rsa:2048 -out {CERTIFICATE} -keyout {KEY}"
        ),
    );
    device
}

fn fits(device: &Device) {
    let certificate = device.succeed(&format!("openssl x509 -in {CERTIFICATE} -noout -pubkey"));
    let key = device.succeed(&format!("openssl pkey -in {KEY} -pubout"));
    assert_eq!(certificate, key);
    assert!(device.has(DONE));
}

#[test]
fn a_certificate_is_made_whole_and_stays() {
    let device = device();
    device.succeed(MADE);
    fits(&device);
    let pair = [CERTIFICATE, KEY].map(|path| device.read(path));

    // A power cut before the note that it is done: complete files stay.
    device.succeed(&format!("rm {DONE}; {MADE}"));
    assert_eq!([CERTIFICATE, KEY].map(|path| device.read(path)), pair);
    fits(&device);

    // A power cut in the middle: one file is missing, is empty, belongs to another pair, or is the
    // stand-in from the building of the image.
    for cut in [
        format!("rm {CERTIFICATE}"),
        format!("rm {KEY}"),
        format!("truncate --size 0 {CERTIFICATE}"),
        format!("openssl genrsa -out {KEY} 2048 2> /dev/null"),
        format!("for file in {CERTIFICATE} {KEY}; do echo 'Made by each device.' > $file; done"),
    ] {
        device.succeed(&format!("rm {DONE}; {cut}"));
        device.succeed(MADE);
        fits(&device);
        assert_ne!(device.read(CERTIFICATE), pair[0], "{cut}");
    }
}

#[test]
fn a_certificate_that_cannot_be_made_is_not_called_done() {
    let device = device();
    device.program("make-ssl-cert", "exit 1");
    assert_ne!(device.run(MADE).status, Some(0));
    assert!(!device.has(DONE));
}
