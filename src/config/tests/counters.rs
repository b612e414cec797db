//! Which counters a process serves.

use super::*;

#[test]
fn counters_keep_their_order_and_have_their_own_limit_or_the_common_one() {
    let expected = vec![counter("shoes", 100), counter("hats", 7), counter("Z.9", 0)];
    let flags = ["--counter", "shoes=100", "--limit", "7", "--counter=hats", "--counter", "Z.9=0"];
    assert_eq!(config(&flags, &[]).counters, expected);
    let list = ("HEADCOUNT_COUNTER", "shoes=100,hats,Z.9=0");
    assert_eq!(config(&["--limit", "7"], &[list]).counters, expected);
    assert_eq!(config(&[], &[list, ("HEADCOUNT_LIMIT", "7")]).counters, expected);
    let flag_wins = config(&["--counter", "a"], &[list]).counters;
    assert_eq!(flag_wins, [counter("a", 100)]);
}

#[test]
fn a_counter_given_twice_is_refused_whatever_its_limit() {
    for list in ["a,a", "a=1,b,a=2"] {
        let arguments: Vec<String> = list.split(',').map(|it| format!("--counter={it}")).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        assert_eq!(error(&arguments, &[]), "--counter: counter a given twice");
        let variables = [("HEADCOUNT_COUNTER", list)];
        assert_eq!(error(&[], &variables), "HEADCOUNT_COUNTER: counter a given twice");
    }
}

#[test]
fn an_element_of_the_list_that_is_wrong_is_named_alone() {
    for (list, shown) in
        [("a,,b", "\"\""), ("a,", "\"\""), ("a, b", "\" b\""), ("a,b=x", "\"b=x\"")]
    {
        let error = error(&[], &[("HEADCOUNT_COUNTER", list)]);
        let expected = format!("HEADCOUNT_COUNTER: invalid value {shown}: expected NAME or");
        assert!(error.starts_with(&expected), "{error}");
    }
    // A list is the variable's form alone: a flag is repeated.
    assert!(error(&["--counter", "a,b"], &[]).contains("invalid value \"a,b\""));
}

#[test]
fn a_thousand_counters_are_served_and_no_more() {
    let names: Vec<String> = (0..1_001).map(|number| format!("c{number}")).collect();
    let most = names[..1_000].join(",");
    let counters = config(&[], &[("HEADCOUNT_COUNTER", &most)]).counters;
    assert_eq!((counters.len(), counters[999].name.as_str()), (1_000, "c999"));
    let expected = "too many counters: expected 1000 or fewer";
    let error = error(&[], &[("HEADCOUNT_COUNTER", &names.join(","))]);
    assert_eq!(error, format!("HEADCOUNT_COUNTER: {expected}"));
}

#[test]
fn a_common_limit_that_is_wrong_is_refused_even_where_no_counter_needs_it() {
    assert!(error(&["--counter", "a=1", "--limit", "x"], &[]).starts_with("--limit: invalid"));
}
