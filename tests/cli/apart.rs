//! No output replaces what is read for it, or anything that is no regular file.

use crate::command;
use crate::fixture::{Fixture, run};
use std::process::Command;

#[test]
fn a_page_and_a_copy_replace_neither_the_image_nor_a_pipe() {
    let fixture = Fixture::warm();
    run(&mut fixture.build()).succeeded();
    let image = fixture.image();
    let image = image.to_str().unwrap();
    let before = fs_err::read(image).unwrap();
    let link = fixture.path("work/link.img");
    std::os::unix::fs::symlink(image, &link).unwrap();
    let link = link.to_str().unwrap();
    let words = &["is what is read, and would be lost"];
    for arguments in [
        &["inspect", image, "--html", image][..],
        &["inspect", link, "--html", image],
        &["inspect", image, "/etc/greeting", "--extract", link],
        &["diff", image, image, "--html", link],
        &["test", image, "--log", image],
    ] {
        run(&mut fixture.bare(arguments)).ended(2).says(words);
    }
    let base = ["--base", image, "--output", link];
    run(fixture.bare(&[]).args(fixture.inputs()).args(base))
        .ended(2)
        .says(words);
    assert!(fs_err::read(image).unwrap() == before);

    let pipe = fixture.path("work/pipe");
    command::run(Command::new("mkfifo").arg(&pipe));
    std::os::unix::fs::symlink(&pipe, fixture.path("work/link.html")).unwrap();
    let words = &["a pipe"];
    for path in ["pipe", "link.html"] {
        for arguments in [
            &["inspect", image, "--html", path][..],
            &["inspect", image, "/etc/greeting", "--extract", path],
            &["diff", image, image, "--html", path],
        ] {
            run(&mut fixture.bare(arguments)).ended(5).says(words);
        }
        let mut lock = fixture.sub("lock");
        run(lock.args(["--output", path])).ended(5).says(words);
    }
    let mut build = fixture.bare(&[]);
    build
        .args(fixture.inputs())
        .args(["--output", "link.html", "--format", "img"]);
    run(&mut build).ended(5).says(&["no regular file"]);
    command::run(Command::new("test").arg("-p").arg(&pipe));
}
