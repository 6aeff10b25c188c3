//! Every example of AWS's page with what the page says of it, what is refused and how, and properties.

use crate::{Message, Pattern};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn matches(pattern: &str, message: &str) -> bool {
    let parsed = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let message = &Message::new(message);
    let found = parsed.matches(message);
    assert_eq!(parsed.extract(message).is_some(), found, "{pattern} and {message:?}");
    found
}

fn refusal(pattern: &str) -> String {
    Pattern::parse(pattern).map(|_| ()).expect_err(pattern).to_string()
}

/// Which of `messages` match, as digits.
fn chosen(pattern: &str, messages: &[&str]) -> String {
    (0..messages.len()).filter(|n| matches(pattern, messages[*n])).map(|n| n.to_string()).collect()
}

const ERRORS: &[&str] = &[
    "[ERROR 400] BAD REQUEST",
    "[ERROR 401] UNAUTHORIZED REQUEST",
    "[ERROR 419] MISSING ARGUMENTS",
    "[ERROR 420] INVALID ARGUMENTS",
    "[ERROR 500] INTERNAL SERVER ERROR",
    "[INFO] REQUEST FAILED",
    "[SUCCESS 200] AUTHORIZED REQUEST",
];

#[test]
fn terms_choose_as_on_awss_page() {
    for (pattern, expected) in [
        ("ERROR", "01234"),
        ("ERROR ARGUMENTS", "23"),
        ("?ERROR ?ARGUMENTS", "01234"),
        ("?ERROR ?ARGUMENTS REQUEST", "0156"),
        ("\"INTERNAL SERVER ERROR\"", "4"),
        ("ERROR -ARGUMENTS", "014"),
        ("\" \"", "0123456"),
        ("%AUTHORIZED%", "16"),
        ("", "0123456"),
        ("error", ""),
        ("-ERROR", "56"),
        ("-\"BAD REQUEST\" -INFO ERROR", "1234"),
        ("?\"BAD REQUEST\" ?INFO", "05"),
        ("\"[INFO]\"", "5"),
    ] {
        assert_eq!(chosen(pattern, ERRORS), expected, "{pattern}");
    }
    assert!(matches(r#""say \"no\" \\ ""#, r#"they say "no" \ often"#));
    assert!(matches("ERROR", "Exiting with ERRORCODE: -1"), "inside of a longer word");
}

#[test]
fn regular_expressions_match_as_on_awss_page() {
    for (pattern, yes, no) in [
        ("%^[hc]at%", vec!["hat", "cat"], vec!["a hat", "bat"]),
        ("%[hc]at$%", vec!["a hat", "cat"], vec!["cats"]),
        ("%colou?r%", vec!["color", "colour"], vec!["colouur"]),
        ("%[abcx-z]%", vec!["a", "b", "c", "x", "y", "z"], vec!["d", "w", "-"]),
        ("%^a{3,5}$%", vec!["aaa", "aaaa", "aaaaa"], vec!["aa", "aaaaaa"]),
        ("%^a{3, 5}$%", vec!["aaa"], vec!["aa"]),
        ("%^a{,2}$%", vec!["", "aa"], vec!["aaa"]),
        ("%^a{2,}$%", vec!["aa", "aaaa"], vec!["a"]),
        ("%^a{2}$%", vec!["aa"], vec!["a", "aaa"]),
        ("%gra|ey%", vec!["gray", "grey"], vec!["groy"]),
        (
            "%^starting|^initializing|^shutting down%",
            vec!["starting it", "initializing it", "shutting down it"],
            vec!["skipping initializing it"],
        ),
        ("%abcc|ab[^c]%", vec!["abcc it", "aba it"], vec!["aac it"]),
        (r"%\[.\]%", vec!["[a]", "[b]", "[7]", "[@]", "[]]", "[ ]"], vec!["[]", "[ab]"]),
        (r"%10\.10\.0\.1%", vec!["10.10.0.1"], vec!["10010,051"]),
        ("%10.10.0.1%", vec!["10.10.0.1", "10010,051"], vec![]),
        ("%ab*c%", vec!["ac", "abc", "abbbc"], vec!["adc"]),
        ("%ab[0-9]*%", vec!["ab", "ab0", "ab129"], vec!["a0"]),
        ("%ab+c%", vec!["abc", "abbc", "abbbc"], vec!["ac"]),
        ("%.at%", vec!["hat", "cat", "bat", "4at", "#at", " at", "\nat"], vec!["at"]),
        (r"%^\d\D$%", vec!["1a"], vec!["11", "aa", "\u{0661}a"]),
        (r"%^\s\S$%", vec!["\ta", " a", "\na"], vec!["aa", "  "]),
        (r"%^\w\W$%", vec!["_ ", "a-"], vec!["  ", "aa"]),
        (r"%^[\d_]+[^\s]$%", vec!["1_x"], vec!["1_ "]),
        (r"%^\x3A\x28$%", vec![":("], vec!["x3A"]),
        (r"%^[a\-\x5D-]+$%", vec!["a-]"], vec!["b"]),
        ("%^[a-]+$%", vec!["a-a"], vec!["b"]),
        ("%^[a&&b]$%", vec![], vec![]),
    ] {
        if yes.is_empty() {
            assert!(refusal(pattern).contains("'&' is not supported"));
        }
        yes.iter().for_each(|text| assert!(matches(pattern, text), "{pattern} and {text:?}"));
        no.iter().for_each(|text| assert!(!matches(pattern, text), "{pattern} and {text:?}"));
    }
}

const TRAIL: &str = r#"{"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value",
    "another value"],"objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,"cluster.name":"c"}"#;
const USERS: &str = r#"{"user":{"id":1,"email":"John.Stiles@example.com"},"users":[{"id":2,
    "email":"John.Doe@example.com"},{"id":3,"email":"Jane.Doe@example.com"}],"actions":["GET","PUT","DELETE"],
    "coordinates":[[0,1,2],[4,5,6],[7,8,9]]}"#;

#[test]
fn json_patterns_match_as_on_awss_page() {
    for (pattern, event, expected) in [
        (r#"{ $.eventType = "UpdateTrail" }"#, TRAIL, true),
        ("{ $.sourceIPAddress != 123.123.* }", TRAIL, true),
        (r#"{ $.arrayKey[0] = "value" }"#, TRAIL, true),
        ("{ $.eventType = %Trail% }", TRAIL, true),
        ("{ $.arrayKey[*] = %val.{2}% }", TRAIL, true),
        (r"{ $.* = %111\.111\.111\.1[0-9]{1,2}% }", TRAIL, true),
        ("{ $.['cluster.name'] = \"c\" }", TRAIL, true),
        ("{ $.SomeObject IS NULL }", TRAIL, true),
        ("{ $.SomeOtherObject NOT EXISTS }", TRAIL, true),
        ("{ $.objectList[1].id = 2 }", TRAIL, true),
        (r#"{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }"#, USERS, true),
        (
            r#"{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch" && $.actions[2] = "nonmatch" }"#,
            USERS,
            true,
        ),
        (
            r#"{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch") && $.actions[2] = "nonmatch" }"#,
            USERS,
            false,
        ),
        (r#"{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }"#, USERS, false),
        ("{ $.bandwidth > 75 }", r#"{"bandwidth":75.5}"#, true),
        ("{ $.bandwidth > 75 }", r#"{"bandwidth":75}"#, false),
        ("{ $.latency < 50 }", r#"{"latency":-1e2}"#, true),
        ("{ $.refreshRate >= 60 }", r#"{"refreshRate":60}"#, true),
        ("{ $.responseTime <= 5 }", r#"{"responseTime":5.01}"#, false),
        ("{ $.errorCode = 400}", r#"{"errorCode":400}"#, true),
        ("{ $.errorCode != 500 }", r#"{"errorCode":500}"#, false),
        ("{ $.number[0] = 1e+3 }", r#"{"number":[1000]}"#, true),
        ("{ $.number[0] != 1e-3 }", r#"{"number":[0.001]}"#, false),
    ] {
        assert_eq!(matches(pattern, event), expected, "{pattern} and {event}");
    }
}

#[test]
fn json_values_compare_by_their_kinds() {
    let event = r#"{"text":"404","number":404,"yes":true,"no":false,"null":null,"object":{"a":1},"list":[1,"x"],
        "big":9007199254740993}"#;
    for (condition, expected) in [
        ("$.number = 404", true),
        ("$.number = 404.0", true),
        ("$.number = 4*", true),
        ("$.number = *", true),
        ("$.number = \"404\"", false),
        ("$.number = %^40%", true),
        ("$.text = \"404\"", true),
        ("$.text = \"4*\"", true),
        ("$.text = 404", true),
        ("$.text > 1", false),
        ("$.text != 404", false),
        ("$.big = 9007199254740993", true),
        ("$.big = 9007199254740992", false),
        ("$.yes IS TRUE", true),
        ("$.yes IS FALSE", false),
        ("$.no IS FALSE", true),
        ("$.null IS NULL", true),
        ("$.nope IS NULL", false),
        ("$.null NOT EXISTS", false),
        ("$.list[*] = x", true),
        ("$.list[*] != x", true),
        ("$.list[7] NOT EXISTS", true),
        ("$.nope != x", false),
        ("$.object != x", false),
        ("$.list != x", false),
        ("$.yes != x", false),
        ("$.object.* = 1", true),
        ("$['object']['a'] = 1", true),
        ("$.number[0] = 4", false),
    ] {
        assert_eq!(matches(&format!("{{ {condition} }}"), event), expected, "{condition}");
    }
    for event in ["", "text", "{", "[]", "7", &"[".repeat(10_000)] {
        assert!(!matches("{ $.a NOT EXISTS && $.b = 1 || $.a = 1 }", event), "{event:.20}");
    }
}

const APACHE: &str =
    r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;
const LINES: &[&str] = &[
    "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200",
    "INFO 09/25/2014 12:00:01 POST /service/resource/67/part/111 1310",
    "WARNING 09/25/2014 12:00:02 Invalid user request",
    "ERROR 09/25/2014 12:00:02 Failed to process request",
];

#[test]
fn delimited_patterns_match_as_on_awss_page() {
    for pattern in [
        r"[ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request =*.html*, status_code = 4*, bytes]",
        "[..., request =*.html*, status_code = 4*, bytes]",
        "[ip, user, username, timestamp, request =*.html*, status_code = 404 || status_code = 410, bytes]",
        "[ip, ..., bytes > 1000]",
        "[ip=\"127.*\", ...]",
        "[a, b, c, d, e, (f = 404 || f = 410) && f != 405, g <= 1.534e3]",
    ] {
        assert!(matches(pattern, APACHE), "{pattern}");
    }
    for pattern in ["[ip, ..., bytes > 2000]", "[a, b, c, d, e, f, g, h]", "[..., request = x, a, b]"] {
        assert!(!matches(pattern, APACHE), "{pattern}");
    }
    for (pattern, expected) in [
        ("[w1=ERROR, w2]", "3"),
        ("[w1=ERROR]", ""),
        ("[w1=ERROR || w1=WARNING, w2]", "23"),
        ("[w1!=ERROR && w1!=WARNING, w2]", "01"),
        ("[logLevel, date, time, method, url=%/service/resource/[0-9]+$%, response_time]", "0"),
        ("[logLevel, date, time, method, url=%/service/resource/[0-9]+/part/[0-9]+$%, response_time]", "1"),
    ] {
        assert_eq!(chosen(pattern, LINES), expected, "{pattern}");
    }
}

/// The examples of the API reference's page TestMetricFilter.
#[test]
fn values_are_taken_out_as_test_metric_filter_answers() {
    let extract = |pattern: &str, message: &str| {
        let values =
            Pattern::parse(pattern).expect("parses").extract(&Message::new(message)).expect("matches");
        values.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    };
    let message = r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534"#;
    assert_eq!(
        extract("[ip, identity, user_id, timestamp, request, status_code, size]", message),
        "$identity=-; $ip=127.0.0.1; $request=GET /apache_pb.gif HTTP/1.0; $size=1534; $status_code=200; \
         $timestamp=10/Oct/2000:13:25:15 -0700; $user_id=frank"
    );
    assert_eq!(
        extract("[..., size]", message),
        "$1=127.0.0.1; $2=-; $3=frank; $4=10/Oct/2000:13:25:15 -0700; $5=GET /apache_pb.gif HTTP/1.0; $6=200; $size=1534"
    );
    assert_eq!(extract("[level, text]", "ERROR it  broke"), "$level=ERROR; $text=it  broke");
    assert_eq!(extract("{ $.a = 1 && $.l[*] = x }", r#"{"a":1,"l":["w","x"]}"#), "$.a=1; $.l[*]=x");
    assert_eq!(Pattern::parse("x").expect("parses").extract(&Message::new("x")), Some(BTreeMap::new()));
}

#[test]
fn what_is_no_pattern_is_refused_by_what_is_wrong() {
    for (pattern, reason) in [
        ("{ $.a = 1", "starts with '{' it must end with '}'"),
        ("[a, b", "starts with '[' it must end with ']'"),
        ("{}", "expected a property selector"),
        ("{ $.a }", "expected one of =, !=, <, >, <= and >="),
        ("{ $.a = }", "expected a value"),
        ("{ $.a > \"1\" }", "expected a number"),
        ("{ $.a > x }", "expected a number"),
        ("{ $.a = inf && $.b > inf }", "expected a number"),
        ("{ $ = 1 }", "starts with '$.'"),
        ("{ $.a[x] = 1 }", "expected an index"),
        ("{ $.a[99999999999999999999] = 1 }", "expected an index"),
        ("{ $.*.* = 1 }", "at most one wildcard"),
        ("{ $.* = 1 || $.a[*] = 1 || $.b.* = 1 || $.c.* = 1 }", "at most 3 wildcard selectors"),
        ("{ $.a = %a% || $.a = %b% || $.a = %c% }", "at most 2 regular expressions"),
        ("[a = %a%, b = %b%, c = %c%]", "at most 2 regular expressions"),
        ("{ $.a IS NOT NULL }", "IS NOT is not supported"),
        ("{ $.a EXISTS }", "EXISTS is not supported"),
        ("{ $.a NOT NULL }", "expected EXISTS"),
        ("{ $.a IS 1 }", "expected NULL, TRUE or FALSE"),
        ("{ !($.a = 1) }", "'!' before a condition is not supported"),
        ("{ ($.a = 1 }", "expected ')'"),
        ("{ $.a = \"x }", "never closed"),
        ("{ $.a = 1 } }", "nothing may follow"),
        ("{ $.a = 1 $.b = 2 }", "expected '}'"),
        ("[..., a, ...]", "at most one '...'"),
        ("[a, , b]", "expected a field's name"),
        ("[a = 1 && b = 2]", "must all be on 'a'"),
        ("[a] x]", "nothing may follow"),
        ("foo:bar", "Invalid character(s) in term 'foo:bar'"),
        ("\"\"", "Invalid character(s) in term '\"\"'"),
        ("\"open", "never closed"),
        ("a - b", "expected a term"),
        ("%open", "never closed"),
        ("%", "never closed"),
        ("%%", "is empty"),
        ("%a% %b%", "stands alone"),
        ("%something!%", "'!' is not supported"),
        ("%(a)%", "'(' is not supported; write \\x28"),
        ("%é%", "multi-byte"),
        ("%[]%", "empty"),
        ("%[z-a]%", "range z-a is empty"),
        ("%[a-\\d]%", "a range ends in a character"),
        ("%[a%", "never closed"),
        ("%a]%", "closes nothing"),
        ("%a{x}%", "no repetition"),
        ("%a{,}%", "no repetition"),
        ("%a{2%", "'{' is never closed"),
        ("%*%", "not a regular expression"),
        ("%a{9999}{9999}%", "too large"),
        ("%\\q%", "\\q is not supported"),
        ("%\\xZZ%", "two hexadecimal digits"),
        ("%\\xFF%", "two hexadecimal digits"),
        ("%a\\%", "escapes nothing"),
    ] {
        let error = refusal(pattern);
        assert!(
            error.starts_with("Invalid filter pattern: ") && error.contains(reason),
            "{pattern}: {error}"
        );
    }
    assert!(refusal(&"a ".repeat(600)).contains("more than 1024 characters"));
    let deep = |n: usize| format!("{{ {}$.a = 1{} }}", "(".repeat(n), ")".repeat(n));
    assert!(refusal(&deep(33)).contains("parentheses are more than 32 deep"));
    assert!(matches(&deep(32), r#"{"a":1}"#));
}

/// Messages on which a matcher that backtracks or looks twice would take hours.
#[test]
fn matching_is_linear() {
    let long = 1 << 20;
    assert!(!matches(
        "%(a*)%".replace(['(', ')'], "").replace("a*", "a*a*a*a*b$").as_str(),
        &"a".repeat(1 << 16)
    ));
    assert!(!matches("[a = *a*a*a*a*b, ...]", &"a".repeat(long)));
    assert!(!matches("[a, b, ..., z = x]", &"[a ".repeat(long / 3)));
    assert!(!matches("[a, b, ..., z = x]", &"\"a".repeat(long / 2)));
    assert!(!matches("{ $.* = x }", &format!("{{\"a\":[{}1]}}", "1,".repeat(long / 2))));
}

/// Texts that look like patterns.
fn patternish() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "$.a",
        "$.b[0]",
        "$.*",
        ".c",
        "=",
        "!=",
        ">",
        "<=",
        "&&",
        "||",
        "1",
        "4*",
        "\"x*\"",
        "%a+%",
        "%[a-c]%",
        " ",
        "IS NULL",
        "NOT EXISTS",
        ",",
        "...",
        "w1",
        "-",
        "?",
        "\"",
        "%",
        "\\",
        "é",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_does_harm(pattern in prop_oneof![patternish(), ".{0,40}"], message in ".{0,60}") {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            let message = Message::new(&message);
            prop_assert_eq!(pattern.matches(&message), pattern.extract(&message).is_some());
        }
    }

    #[test]
    fn a_quoted_phrase_is_found_where_it_is(before in ".{0,20}", phrase in ".{1,20}", after in ".{0,20}") {
        let quoted = format!("\"{}\"", phrase.replace('\\', "\\\\").replace('"', "\\\""));
        let message = format!("{before}{phrase}{after}");
        prop_assert!(matches(&quoted, &message));
        let excluded = matches(&format!("-{quoted}"), &message);
        prop_assert!(!excluded);
        prop_assert_eq!(phrase.trim().is_empty() || before.contains(&phrase), matches(&quoted, &before));
    }

    #[test]
    fn numbers_are_compared_as_numbers(left in -1000i64..1000, right in -1000i64..1000) {
        let event = format!("{{\"n\":{left}}}");
        for (operator, holds) in [
            ("=", left == right), ("!=", left != right), ("<", left < right), (">", left > right),
            ("<=", left <= right), (">=", left >= right),
        ] {
            let pattern = format!("{{ $.n {operator} {right} }}");
            prop_assert_eq!(matches(&pattern, &event), holds);
            prop_assert_eq!(matches(&format!("[n {operator} {right}]"), &left.to_string()), holds);
        }
    }

    #[test]
    fn operators_are_as_in_logic(a: bool, b: bool, c: bool) {
        let event = serde_json::json!({ "a": a, "b": b, "c": c }).to_string();
        let holds = |pattern: &str| matches(pattern, &event);
        prop_assert_eq!(holds("{ $.a IS TRUE || $.b IS TRUE && $.c IS TRUE }"), a || b && c);
        prop_assert_eq!(holds("{ ($.a IS TRUE || $.b IS TRUE) && $.c IS TRUE }"), (a || b) && c);
        prop_assert_eq!(holds("{ $.a IS TRUE && ($.b IS FALSE && $.c IS TRUE) }"), a && !b && c);
    }

    #[test]
    fn a_wildcard_finds_what_was_put_around_its_parts(parts in prop::collection::vec("[a-c]{0,3}", 1..5), filler in "[a-c]{0,5}") {
        let pattern = format!("{{ $.t = \"{}\" }}", parts.join("*"));
        let event = serde_json::json!({ "t": parts.join(&filler) }).to_string();
        prop_assert!(matches(&pattern, &event));
    }
}
