//! Where the store's URL comes from.

use super::*;

const FILE: &str = "/run/secrets/store";

/// With a file of these contents at [`FILE`].
fn parse_with_file(
    arguments: &[&str],
    variables: &[(&str, &str)],
    contents: &[u8],
) -> Result<Invocation, ConfigError> {
    let arguments = arguments.iter().map(OsString::from);
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    let read_file = |path: &Path| {
        assert_eq!(path, Path::new(FILE));
        Ok(contents.to_vec())
    };
    Config::parse(arguments, variables, read_file, CORES)
}

fn store(parsed: Result<Invocation, ConfigError>) -> (StoreUrl, bool) {
    match parsed {
        Ok(Invocation::Serve(config)) => (config.store, config.has_password_on_command_line),
        Ok(Invocation::Command(command)) => (command.store, command.has_password_on_command_line),
        other => panic!("it gave {other:?}"),
    }
}

#[test]
fn a_wrong_store_names_its_source_and_not_itself() {
    let line = "memory: has nothing after its colon";
    assert_eq!(error(&["--store", "memory:x"], &[]), format!("--store: {line}"));
    let variables = [("HEADCOUNT_STORE", "memory:x")];
    assert_eq!(error(&[], &variables), format!("HEADCOUNT_STORE: {line}"));
}

#[test]
fn the_url_in_a_file_is_read_without_the_space_around_it() {
    let expected = (StoreUrl::parse("redis://u:s3cret@h").unwrap(), false);
    for contents in ["redis://u:s3cret@h", "redis://u:s3cret@h\n", "\r\n redis://u:s3cret@h\t\r\n"]
    {
        let contents = contents.as_bytes();
        let flag = ["--store-url-file", FILE];
        assert_eq!(store(parse_with_file(&flag, &[], contents)), expected);
        let command = ["status", "--store-url-file", FILE];
        assert_eq!(store(parse_with_file(&command, &[], contents)), expected);
        let variables = [("HEADCOUNT_STORE_URL_FILE", FILE)];
        assert_eq!(store(parse_with_file(&[], &variables, contents)), expected);
        let variables = [("HEADCOUNT_STORE", "memory:")];
        assert_eq!(store(parse_with_file(&flag, &variables, contents)), expected, "a flag wins");
    }
    let padded = [b"redis://u:s3cret@h".to_vec(), vec![b' '; 64 * 1024 - 18]].concat();
    assert_eq!(store(parse_with_file(&["--store-url-file", FILE], &[], &padded)), expected);
}

#[test]
fn a_store_on_the_command_line_wins_over_a_file_in_the_environment() {
    let variables = [("HEADCOUNT_STORE_URL_FILE", "/absent"), ("HEADCOUNT_STORE", "wrong")];
    let arguments = ["--store", "redis://h"];
    assert_eq!(config(&arguments, &variables).store, StoreUrl::parse("redis://h").unwrap());
}

#[test]
fn a_store_that_is_given_both_ways_is_refused() {
    let arguments = ["--store", "redis://:s3cret@h", "--store-url-file", FILE];
    let expected = "--store-url-file: not together with --store";
    assert_eq!(error(&arguments, &[]), expected);
    let variables = [("HEADCOUNT_STORE", "redis://h"), ("HEADCOUNT_STORE_URL_FILE", FILE)];
    let expected = "HEADCOUNT_STORE_URL_FILE: not together with HEADCOUNT_STORE";
    assert_eq!(error(&[], &variables), expected);
}

#[test]
fn a_file_without_a_store_url_is_refused_in_one_line() {
    let long = vec![b'x'; 64 * 1024 + 1];
    let table: &[(&[u8], &str)] = &[
        (b"", "\"/run/secrets/store\" is empty: expected a store URL"),
        (b" \n\t", "\"/run/secrets/store\" is empty: expected a store URL"),
        (&long, "\"/run/secrets/store\" has more than 65536 bytes"),
        (b"redis://\xff", "\"/run/secrets/store\" is not UTF-8"),
        (b"memory:s3cret", "memory: has nothing after its colon"),
        (
            b"redis://h\nredis://s3cret",
            "the URL has a space or a control character: write it as %20 and so on",
        ),
    ];
    for (contents, reason) in table {
        let parsed = parse_with_file(&["--store-url-file", FILE], &[], contents);
        assert_eq!(parsed.unwrap_err().to_string(), format!("--store-url-file: {reason}"));
        let variables = [("HEADCOUNT_STORE_URL_FILE", FILE)];
        let error = parse_with_file(&[], &variables, contents).unwrap_err().to_string();
        assert_eq!(error, format!("HEADCOUNT_STORE_URL_FILE: {reason}"));
    }
    let absent = error(&["--store-url-file", "/absent\n"], &[]);
    assert_eq!(absent, "--store-url-file: cannot read \"/absent\\n\": entity not found");
    let url = error(&["--store-url-file", "redis://:s3cret@h"], &[]);
    assert!(url.contains("cannot read (not shown: it may hold a password)"), "{url}");
}

#[test]
fn a_password_is_seen_on_the_command_line_and_nowhere_else() {
    let table = [
        ("redis://:s3cret@h", true),
        ("redis://u:s3cret@h", true),
        ("redis+unix:///s?password=s3cret", true),
        ("redis+sentinel://h/m?sentinel_password=s3cret", true),
        ("redis+sentinel://u:s3cret@h/m", true),
        ("redis+sentinel://h/m", false),
        ("postgres://u:s3cret@h", true),
        ("postgres:///d?host=/s&password=s3cret", true),
        ("redis://h", false),
        ("redis://:@h", false),
        ("postgres://u@h", false),
        ("memory:", false),
    ];
    for (url, is_seen) in table {
        for arguments in [&["--store", url][..], &["reset", "a", "--store", url]] {
            let parsed = parse(arguments, &[]);
            assert!(!format!("{parsed:?}").contains("s3cret"), "{url}");
            assert_eq!(store(parsed).1, is_seen, "{url}");
        }
        assert!(!config(&[], &[("HEADCOUNT_STORE", url)]).has_password_on_command_line, "{url}");
    }
}

#[test]
fn the_files_of_a_url_are_read_and_shown_by_their_path_alone() {
    let parse = |contents: &[u8]| {
        let url = format!("rediss://h?ca={FILE}");
        parse_with_file(&["--store", &url], &[], contents)
    };
    let (url, _) = store(parse(b"s3cret"));
    let Some(crate::config::Roots::File(file)) = url.tls().map(|tls| &tls.roots) else {
        panic!("{url:?}")
    };
    assert_eq!(file.bytes(), b"s3cret");
    assert!(format!("{url:?}").contains(FILE) && !format!("{url:?}").contains("s3cret"), "{url:?}");
    let long = parse(&vec![b'x'; 1024 * 1024 + 1]).unwrap_err().to_string();
    assert_eq!(long, format!("--store: \"{FILE}\" has more than 1048576 bytes"));
    let absent = error(&["--store", "postgres://h?sslrootcert=/absent"], &[]);
    assert_eq!(absent, "--store: cannot read \"/absent\": entity not found");
}

#[test]
fn the_password_of_the_sentinels_is_read_from_its_file() {
    let flags = |query: &str| format!("redis+sentinel://h/m?{query}sentinel_password_file={FILE}");
    let parse =
        |query: &str, contents: &[u8]| parse_with_file(&["--store", &flags(query)], &[], contents);
    for (contents, expected) in [("s3cret", "s3cret"), ("s3cret\r\n", "s3cret"), (" \n\n", " \n")] {
        let (url, is_seen) = store(parse("sentinel_user=u&", contents.as_bytes()));
        let StoreUrl::Redis(redis) = &url else { panic!("{url:?}") };
        let sentinels = redis.sentinels.as_ref().expect("there are some");
        assert_eq!(sentinels.password.as_ref().map(|it| it.reveal()), Some(expected));
        assert_eq!(sentinels.user.as_deref(), Some("u"));
        assert!(!is_seen, "who lists processes sees a path");
        let shown = format!("{url} {url:?}");
        assert!(shown.contains(FILE) && !shown.contains("s3cret"), "{shown}");
    }
    let long = vec![b'x'; 64 * 1024 + 1];
    let table: &[(&[u8], &str)] = &[
        (b"", "is empty: expected the sentinels' password"),
        (b"\n", "is empty: expected the sentinels' password"),
        (&long, "has more than 65536 bytes"),
        (b"\xff", "is not UTF-8"),
    ];
    for (contents, reason) in table {
        let error = parse("", contents).unwrap_err().to_string();
        assert_eq!(error, format!("--store: \"{FILE}\" {reason}"));
    }
    let absent = error(&["--store", "redis+sentinel://h/m?sentinel_password_file=/absent"], &[]);
    assert_eq!(absent, "--store: cannot read \"/absent\": entity not found");
}
