//! Passwords in the file of accounts, where systems without shadow(5) have them.

use super::made::{Made, crypt};

#[test]
fn a_password_that_everybody_on_the_device_can_read_is_named_in_its_file() {
    let hash = crypt("raspberry", "$6$pepper");
    let made = Made::with(|root| {
        let passwd = format!(
            "root:x:0:0::/root:/bin/sh\npi:{hash}:1000:1000::/home/pi:/bin/sh\n\
             open::1001:1001::/home/open:/bin/sh\n"
        );
        fs_err::write(root.join("etc/passwd"), passwd).unwrap();
    });
    let report = made.report(&made.image());
    let secrets = report["systems"][0]["secrets"].as_array().unwrap().iter();
    let mut found: Vec<String> = secrets
        .filter(|it| it["path"] == "/etc/passwd")
        .map(|it| format!("{} {} {}", it["line"], it["kind"], it["of"]))
        .collect();
    found.sort();
    let expected = [
        r#"2 "password-hash" "pi""#,
        r#"2 "well-known-password" "pi""#,
        r#"3 "no-password" "open""#,
    ];
    assert_eq!(found, expected);
}
