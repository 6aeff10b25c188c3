use super::*;
use crate::query::Subject;
use model::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// An instance as the tables write it: `NAME:SUBJECT=VALUE;…`, or an attribute's name alone for one without a value.
#[derive(Clone, Debug, Default)]
struct Instance {
    attributes: BTreeMap<String, Option<String>>,
    agent_connected: bool,
    agent_version: String,
    ec2_instance_id: Option<String>,
    registered_at: i64,
    running: u32,
    groups: Vec<String>,
}

impl Subject for Instance {
    fn attribute(&self, name: &str) -> Option<Option<&str>> {
        self.attributes.get(name).map(Option::as_deref)
    }

    fn agent_connected(&self) -> bool {
        self.agent_connected
    }

    fn agent_version(&self) -> &str {
        &self.agent_version
    }

    fn ec2_instance_id(&self) -> Option<&str> {
        self.ec2_instance_id.as_deref()
    }

    fn registered_at(&self) -> Timestamp {
        Timestamp(self.registered_at)
    }

    fn running_tasks_count(&self) -> u32 {
        self.running
    }

    fn any_task_group(&self, wanted: &mut dyn FnMut(&str) -> bool) -> bool {
        self.groups.iter().any(|group| wanted(group))
    }
}

fn instance(text: &str) -> Instance {
    let mut out = Instance { agent_connected: true, ..Instance::default() };
    for member in text.split(';').map(str::trim).filter(|m| !m.is_empty()) {
        let (name, value) = match member.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (member, None),
        };
        let value_or_empty = value.clone().unwrap_or_default();
        match name {
            "connected" => out.agent_connected = value_or_empty == "true",
            "version" => out.agent_version = value_or_empty,
            "id" => out.ec2_instance_id = value,
            "at" => {
                let at: jiff::Timestamp = value_or_empty.parse().expect("a time");
                out.registered_at = at.as_millisecond();
            }
            "running" => out.running = value_or_empty.parse().expect("a number"),
            "group" => out.groups.push(value_or_empty),
            name => drop(out.attributes.insert(name.to_owned(), value)),
        }
    }
    out
}

#[track_caller]
fn check(expression: &str, meant: &[&str], others: &[&str]) {
    let parsed = Expression::parse(expression).unwrap_or_else(|e| panic!("{expression}: {e}"));
    for (texts, expected) in [(meant, true), (others, false)] {
        for text in texts {
            assert_eq!(parsed.matches(&instance(text)), expected, "{expression} of {text}");
        }
    }
    let printed = parsed.to_string();
    assert_eq!(Expression::parse(&printed).as_ref(), Ok(&parsed), "{expression} is printed as {printed}");
}

/// The example expressions of "Create expressions to define container instances for Amazon ECS tasks", word by word.
#[test]
fn examples_of_the_language() {
    const G2: &str = "ecs.instance-type=g2.2xlarge; ecs.availability-zone=us-east-1";
    check(
        "attribute:ecs.instance-type == t2.small",
        &["ecs.instance-type=t2.small"],
        &["ecs.instance-type=t2.medium", "ecs.instance-type=T2.small", "ecs.instance-type", ""],
    );
    check(
        "attribute:ecs.availability-zone in [us-east-1a, us-east-1b]",
        &["ecs.availability-zone=us-east-1a", "ecs.availability-zone=us-east-1b"],
        &["ecs.availability-zone=us-east-1c", ""],
    );
    check(
        "attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d",
        &[&format!("{G2}a"), &format!("{G2}c")],
        &[&format!("{G2}d"), "ecs.instance-type=g3.large; ecs.availability-zone=us-east-1a"],
    );
    check(
        "task:group == service:production",
        &["group=service:production", "group=database; group=service:production"],
        &["", "group=service:production-2"],
    );
    check(
        "not(task:group == database)",
        &["", "group=web"],
        &["group=database", "group=web; group=database"],
    );
    check("runningTasksCount == 1", &["running=1"], &["", "running=2"]);
    check(
        "agentVersion < 1.14.5",
        &["version=1.14.4", "version=1.9.9"],
        &["version=1.14.5", "version=1.100.0"],
    );
    check(
        "registeredAt < 2018-02-13",
        &["at=2018-02-12T23:59:59.999Z"],
        &["at=2018-02-13T00:00:00Z", "at=2018-03-01T00:00:00Z"],
    );
    check(
        "ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']",
        &["id=i-abcd1234", "id=i-wxyx7890"],
        &["id=i-abcd12345", ""],
    );
}

/// Those of "Define which container instances Amazon ECS uses for tasks", of the examples of constraints and of the
/// filters of ListContainerInstances, word by word.
#[test]
fn examples_of_constraints_and_filters() {
    check(
        "attribute:ecs.instance-type =~ t2.*",
        &["ecs.instance-type=t2.nano"],
        &["ecs.instance-type=xt2.a"],
    );
    check("task:group == service:daemon-service", &["group=service:daemon-service"], &["group=web"]);
    check("task:group == databases", &["group=databases"], &["group=database", ""]);
    check(
        "attribute:ecs.instance-type == g2.2xlarge",
        &["ecs.instance-type=g2.2xlarge"],
        &["ecs.instance-type=g2.8xlarge"],
    );
    check("attribute:stack == prod", &["stack=prod"], &["stack=test", "stack", ""]);
    check("attribute:stack != prod", &["stack=test", "stack"], &["stack=prod", ""]);
    check(
        "attribute:ecs.instance-type in [t2.small, t2.medium]",
        &["ecs.instance-type=t2.small", "ecs.instance-type=t2.medium"],
        &["ecs.instance-type=t2.large"],
    );
    check(
        "attribute:ecs.instance-type =~ t2.* and attribute:ecs.availability-zone == us-east-1a",
        &["ecs.instance-type=t2.small; ecs.availability-zone=us-east-1a"],
        &[
            "ecs.instance-type=t2.small; ecs.availability-zone=us-east-1b",
            "ecs.instance-type=m4.large; ecs.availability-zone=us-east-1a",
        ],
    );
    for word in ["2018-06-18T22:28:28+00:00", "2018-06-18T22:28:28Z", "2018-06-18T22:28:28"] {
        let at = ["at=2018-06-18T22:28:28Z", "at=2018-06-18T22:28:28.9Z"];
        check(&format!("registeredAt == {word}"), &at, &["at=2018-06-18T22:28:29Z"]);
    }
    check("registeredAt == 2018-06-18", &["at=2018-06-18T00:00:00Z"], &["at=2018-06-18T00:00:01Z"]);
    check(
        "registeredAt >= 2018-06-18T23:28:28-01:00",
        &["at=2018-06-19T00:28:28Z"],
        &["at=2018-06-19T00:28:27Z"],
    );
}

#[test]
fn every_operator_as_symbol_and_as_word() {
    type Row = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);
    let table: [Row; 10] = [
        ("==", "equals", "5", &["a=5"], &["a=50", "a=5.0", "a", ""]),
        ("!=", "not_equals", "5", &["a=50", "a"], &["a=5", ""]),
        (">", "greater_than", "5", &["a=10", "a=5.5"], &["a=5", "a=-7", "a", ""]),
        (">=", "greater_than_equal", "5", &["a=10", "a=5.0"], &["a=4.9", "a", ""]),
        ("<", "less_than", "b", &["a=a", "a=B"], &["a=b", "a=ba", "a", ""]),
        ("<=", "less_than_equal", "10", &["a=9", "a=10"], &["a=11", "a=x", "a", ""]),
        ("in", "in", "[5, 'x y']", &["a=5", "a=x y"], &["a=x", "a", ""]),
        ("!in", "not_in", "[5,x]", &["a=6", "a"], &["a=5", "a=x", ""]),
        ("=~", "matches", "5+", &["a=5", "a=555"], &["a=56", "a", ""]),
        ("!~", "not_matches", "5+", &["a=56", "a"], &["a=55", ""]),
    ];
    for (symbol, word, argument, meant, others) in table {
        for operator in [symbol, word] {
            check(&format!("attribute:a {operator} {argument}"), meant, others);
        }
    }
    check("attribute:a exists", &["a", "a=5"], &["", "b"]);
    check("attribute:a !exists", &["", "b"], &["a", "a=5"]);
    check("attribute:a not_exists", &["", "b"], &["a", "a=5"]);
}

#[test]
fn each_subject() {
    check("agentConnected == true", &["connected=true"], &["connected=false"]);
    check("agentConnected != true", &["connected=false"], &["connected=true"]);
    check("agentConnected in [false]", &["connected=false"], &["connected=true"]);
    check("agentConnected =~ 't.*'", &["connected=true"], &["connected=false"]);
    check(
        "agentVersion == 1.14",
        &["version=1.14.0", "version=1.14-rc1"],
        &["version=1.14.1", "", "version=dev"],
    );
    check("agentVersion != 1.14", &["version=1.15"], &["version=1.14.0", ""]);
    check("agentVersion >= 1.2.3.4", &["version=1.2.3.4"], &["version=1.2.3.3"]);
    check("ec2InstanceId != i-1", &["id=i-2"], &["id=i-1", ""]);
    check("ec2InstanceId !~ i-1.*", &["id=i-2"], &["id=i-12", ""]);
    check("runningTasksCount<=2", &["", "running=2"], &["running=3"]);
    check("runningTasksCount < 99999999999", &["running=4294967295"], &[]);
    // One task is enough, also for what is not so.
    check("task:group != web", &["group=web; group=db"], &["group=web", ""]);
    check("task:group =~ service:.*", &["group=service:a"], &["group=family:a", ""]);
    check("task:group in [web, db]", &["group=db"], &["group=x"]);
    check("task:group exists", &["group=db"], &[""]);
    check("task:group !exists", &[""], &["group=db"]);
}

#[test]
fn precedence_and_parentheses() {
    let (a, b, c) = ("attribute:a exists", "attribute:b exists", "attribute:c exists");
    check(&format!("{a} or {b} and {c}"), &["a", "b;c"], &["b", "c", ""]);
    check(&format!("({a} or {b}) and {c}"), &["a;c", "b;c"], &["a", "b", "c"]);
    check(&format!("!{a} && {b}"), &["b", "b;c"], &["a;b", "", "c"]);
    check(&format!("not {a} or {b}"), &["", "a;b"], &["a"]);
    check(&format!("not ({a} or {b})"), &["", "c"], &["a", "b"]);
    check(&format!("!!{a}"), &["a"], &["b"]);
    check(&format!("{a}||{b}&&!({c})"), &["a;c", "b"], &["b;c", "c"]);
    check("attribute:a==1&&attribute:b==2||attribute:c in[3]", &["a=1;b=2", "c=3"], &["a=1", "b=2"]);
    check("  ( attribute:a\n==\t1 )  ", &["a=1"], &["a=2"]);
}

#[test]
fn quotation_marks() {
    check("attribute:a == 'x y'", &["a=x y"], &["a=x"]);
    check("attribute:a == \"it's\"", &["a=it's"], &["a=its"]);
    check("attribute:a == '(&|=]'", &["a=(&|=]"], &["a=("]);
    check(r"attribute:a == 'c:\new'", &[r"a=c:\new"], &["a=c:new"]);
    check(r"attribute:a == c:\new", &[r"a=c:\new"], &["a=c:new"]);
    check("attribute:a in ['x, y', z]", &["a=x, y", "a=z"], &["a=x"]);
    check("attribute:a == and", &["a=and"], &["a=or"]);
    check("attribute:a =~ '(t2|m4).*'", &["a=t2.x", "a=m4.x"], &["a=c5.x"]);
    check("attribute:a =~ t2.*|m[45].*&&attribute:b exists", &["a=m4.x;b"], &["a=m6.x;b", "a=t2.x"]);
    check("(attribute:a =~ t2.*)", &["a=t2.x"], &["a=m4.x"]);
}

#[test]
fn patterns_are_java_s() {
    for pattern in ["t2.*", "t2..*", "'(t2).*'"] {
        check(
            &format!("attribute:a =~ {pattern}"),
            &["a=t2.x", "a=t2.."],
            &["a=t3.x", "a=xt2.x", "a=t2.\nx"],
        );
    }
    check("attribute:a =~ .*", &["a=x"], &["a", "", "a=x\nx"]);
    check(r"attribute:a =~ \d{2,3}", &["a=12", "a=123"], &["a=1", "a=1234", "a=१२"]);
    check(r"attribute:a =~ '[\w&&[^\d]]+'", &["a=ab_"], &["a=a1"]);
    check(r"attribute:a =~ [a-c[x-z]]", &["a=b", "a=y"], &["a=m"]);
    check(r"attribute:a =~ [~~]--[-a]", &["a=~--a", "a=~---"], &["a=x"]);
    check(r"attribute:a =~ \Qt2.*\E.", &["a=t2.*x"], &["a=t2.xx"]);
    check(r"attribute:a =~ \p{Upper}\p{Lu}\P{Digit}", &["a=AAx"], &["a=AA1", "a=aAx"]);
    check(r"attribute:a =~ \x41\u0042\.?", &["a=AB", "a=AB."], &["a=ABx"]);
    check(r"attribute:a =~ '(?<n>a|b)(?:c)+?'", &["a=acc"], &["a=a"]);
    check("attribute:a =~ [[:alpha:]]", &["a=l", "a=:"], &["a=b"]);
    check("attribute:a =~ ''", &[], &["a", "a=x"]);
}

#[test]
fn what_java_has_and_a_linear_matcher_has_not_is_refused_by_name() {
    let table = [
        ("'(?=a)a'", "look-ahead is not supported"),
        ("'(?<!a)a'", "look-behind is not supported"),
        ("'(?>a)'", "independent groups, (?>X), are not supported"),
        ("'(?i)a'", "flags, such as (?i), are not supported"),
        (r"'(a)\1'", "back references are not supported"),
        ("a*+", "possessive repetition, such as X*+, is not supported"),
        ("a**", "'*' repeats nothing"),
        ("a{,3}", "'{' begins a repetition such as {2,5}"),
        (r"\h", r"\h is not supported"),
        (r"\p{javaLowerCase}", "the property {javaLowerCase} is not supported"),
        ("[]", "a character class is empty"),
        ("[z-a]", "the range z-a is empty"),
        ("[a", "'[' is never closed"),
        ("'(a'", "it is not a regular expression"),
        ("*", "it is not a regular expression"),
        ("'(((a{99}){99}){99}){99}'", "it is too large"),
    ];
    for (pattern, reason) in table {
        let error = Expression::parse(&format!("attribute:a =~ {pattern}")).expect_err(pattern);
        let source = pattern.trim_matches('\'');
        assert_eq!(
            error.to_string(),
            format!("Invalid expression: the pattern {source}: {reason} (at character 16)")
        );
    }
}

#[test]
fn errors_say_where_and_what() {
    let table = [
        ("", "expected a subject: ", 1),
        ("   ", "expected a subject: ", 4),
        ("status == ACTIVE", "expected a subject: agentConnected, agentVersion, attribute:NAME", 1),
        ("attribute: == x", "expected an attribute's name right after 'attribute:'", 1),
        ("attribute:a:b == x", "an attribute's name has no ':'", 1),
        ("attribute:a", "expected an operator such as ==, found the end", 12),
        ("attribute:a = x", "expected an operator such as ==, found '='", 13),
        ("attribute:a contains x", "expected an operator such as ==, found 'contains'", 13),
        ("attribute:a == ", "expected a value, found the end", 16),
        ("attribute:a === b", "expected a value, found '='", 15),
        ("attribute:a == 'x", "' is never closed", 16),
        ("attribute:ä == 'x", "an attribute's name has no 'ä'", 1),
        ("attribute:a == ä $ x", "expected &&, || or the end, found '$'", 18),
        ("attribute:a in x", "expected a list such as [t2.small, t2.medium], found 'x'", 16),
        ("attribute:a in []", "expected a value, found ']'", 17),
        ("attribute:a in [x y]", "expected ',' or ']', found 'y'", 19),
        ("attribute:a =~ t(2|3).*", "a pattern with parentheses needs quotation marks around it", 17),
        ("attribute:a =~ && x", "expected a pattern, found '&'", 16),
        ("(attribute:a == x", "expected &&, || or ')', found the end", 18),
        ("attribute:a == x)", "expected &&, || or the end, found ')'", 17),
        ("attribute:a == x attribute:b", "expected &&, || or the end, found 'attribute:b'", 18),
        ("agentConnected > true", "agentConnected takes the operators ==, !=, in, !in, =~ and !~, not >", 16),
        ("agentConnected == yes", "agentConnected is true or false, never 'yes'", 15),
        ("agentVersion =~ 1.*", "agentVersion takes the operators ==, !=, >, >=, < and <=, not =~", 14),
        ("agentVersion > 1.x", "expected a version such as 1.14.5, found '1.x'", 16),
        ("agentVersion > 1.2.3.4.5", "expected a version", 16),
        ("ec2InstanceId exists", "ec2InstanceId takes the operators", 15),
        ("runningTasksCount exists", "runningTasksCount takes the operators", 19),
        ("runningTasksCount == -1", "expected a number, found '-1'", 22),
        ("registeredAt > 2018-02-30", "expected a time such as", 16),
        ("registeredAt > 2018-2-3", "expected a time such as", 16),
        ("registeredAt > 2018-02-13T25:00:00", "expected a time such as", 16),
        ("registeredAt > 2018-02-13T01:00:00+99:00", "expected a time such as", 16),
        ("registeredAt > 18.06.2018", "expected a time such as", 16),
        ("registeredAt > +018-02-13", "expected a time such as", 16),
    ];
    for (text, reason, position) in table {
        let error = Expression::parse(text).expect_err(text);
        assert!(error.to_string().starts_with(&format!("Invalid expression: {reason}")), "{text}: {error}");
        assert_eq!(error.position(), position, "{text}: {error}");
    }
}

#[test]
fn reading_is_bounded() {
    let deep = |n: usize| format!("{}attribute:a exists{}", "(".repeat(n), ")".repeat(n));
    assert!(Expression::parse(&deep(32)).is_ok());
    assert!(Expression::parse(&deep(33)).expect_err("too deep").to_string().contains("more than 32 deep"));
    assert!(Expression::parse(&format!("{}attribute:a exists", "!".repeat(1000))).is_err());
    let long = |n: usize| format!("attribute:a == {}", "x".repeat(n - 15));
    assert!(Expression::parse(&long(2000)).is_ok());
    let error = Expression::parse(&long(2001)).expect_err("too long");
    assert_eq!(error.to_string(), "Invalid expression: it has more than 2000 characters (at character 2001)");
    let patterns = |n: usize| vec!["attribute:a =~ x"; n].join(" or ");
    assert!(Expression::parse(&patterns(32)).is_ok());
    assert!(Expression::parse(&patterns(33)).is_err());
    assert!(Expression::parse(&format!("attribute:a =~ {}", "[".repeat(1000))).is_err());
    assert!(Expression::parse(&format!("attribute:a =~ '{}'", "(".repeat(1000))).is_err());
}

#[test]
fn static_is_what_no_task_changes() {
    let is_static = |text: &str| Expression::parse(text).expect(text).is_static();
    assert!(is_static("attribute:a == x and agentConnected == true or not registeredAt < 2018-02-13"));
    assert!(is_static("agentVersion > 1.0 and ec2InstanceId != x"));
    assert!(!is_static("attribute:a == x or not (runningTasksCount > 1)"));
    assert!(!is_static("task:group !exists"));
}

fn expressions() -> impl Strategy<Value = String> {
    let value = "[a-c0-9.:/@_-]{1,4}|'[a-c0-9 ()&|=\"]{1,4}'";
    let order = "==|!=|>|>=|<|<=|equals|less_than";
    let leaf = prop_oneof![
        ("[a-c]", order, value).prop_map(|(name, o, v)| format!("attribute:{name} {o} {v}")),
        ("[a-c]", "in|!in", value, value)
            .prop_map(|(name, o, v, w)| format!("attribute:{name} {o} [{v},{w}]")),
        ("[a-c]", "=~|!~", "[a-c]\\.\\*|'\\(a\\|b\\)\\+'")
            .prop_map(|(n, o, v)| format!("attribute:{n} {o} {v}")),
        ("[a-c]", "exists|!exists").prop_map(|(name, o)| format!("attribute:{name} {o}")),
        (order, value).prop_map(|(o, v)| format!("task:group {o} {v}")),
        (order, 0..4u32).prop_map(|(o, n)| format!("runningTasksCount {o} {n}")),
        (order, 0..3u32, 0..30u32).prop_map(|(o, a, b)| format!("agentVersion {o} {a}.{b}")),
        (order, 1..13u32)
            .prop_map(|(o, month)| format!("registeredAt {o} 2018-{month:02}-07T01:02:03+05:30")),
        "agentConnected (==|!=) (true|false)",
    ];
    leaf.prop_recursive(5, 24, 3, |inner| {
        prop_oneof![
            (inner.clone(), "and|or|&&|\\|\\|", inner.clone()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.prop_map(|a| format!("not({a})")),
        ]
    })
}

fn instances() -> impl Strategy<Value = Instance> {
    let attributes = prop::collection::btree_map("[a-c]", prop::option::of("[a-c0-9.]{1,4}"), 0..3);
    let groups = prop::collection::vec("[a-c]{1,2}", 0..3);
    let at = 1_514_764_800_000..1_546_300_800_000i64;
    (attributes, groups, any::<bool>(), "[0-2]\\.[0-9]{1,2}", at, 0..5u32).prop_map(
        |(attributes, groups, agent_connected, agent_version, registered_at, running)| Instance {
            attributes,
            agent_connected,
            agent_version,
            ec2_instance_id: None,
            registered_at,
            running,
            groups,
        },
    )
}

proptest! {
    #[test]
    fn a_day_is_that_of_the_calendar(year in 0..10_000i16, month in 0..14i8, day in 0..33i8, minutes in -1439..1440i32) {
        let (sign, offset) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
        let text = format!("{year:04}-{month:02}-{day:02}T01:02:03{sign}{:02}:{:02}", offset / 60, offset % 60);
        let date = jiff::civil::Date::new(year, month, day);
        let parsed = Expression::parse(&format!("registeredAt == {text}"));
        prop_assert_eq!(parsed.is_ok(), date.is_ok(), "{}", text);
        if let (Ok(date), Ok(expression)) = (date, parsed) {
            let days = i64::from((date - jiff::civil::date(1970, 1, 1)).get_days());
            let seconds = days * 86_400 + 3723 - i64::from(minutes) * 60;
            let matches = |seconds| {
                expression.matches(&Instance { registered_at: seconds * 1000 + 999, ..Instance::default() })
            };
            prop_assert!(matches(seconds) && !matches(seconds + 1) && !matches(seconds - 1), "{}", text);
        }
    }

    #[test]
    fn what_is_printed_reads_as_the_same(text in expressions(), instance in instances()) {
        prop_assume!(text.chars().count() <= EXPRESSION_CHARS_MAX);
        let expression = Expression::parse(&text).expect("generated by the grammar");
        let printed = expression.to_string();
        prop_assume!(printed.chars().count() <= EXPRESSION_CHARS_MAX);
        let again = Expression::parse(&printed).expect("printed");
        prop_assert_eq!(&again, &expression);
        prop_assert_eq!(again.matches(&instance), expression.matches(&instance));
        prop_assert_eq!(again.is_static(), expression.is_static());
    }

    #[test]
    fn not_is_the_opposite(text in expressions(), instance in instances()) {
        let negated = format!("not ({text})");
        prop_assume!(negated.chars().count() <= EXPRESSION_CHARS_MAX);
        let parse = |text: &str| Expression::parse(text).expect("generated by the grammar");
        prop_assert_ne!(parse(&negated).matches(&instance), parse(&text).matches(&instance));
    }

    #[test]
    fn any_text_is_an_expression_or_an_error(text in "[a-c:.*=~!<>&|()\\[\\]{},'\"\\\\ 0-9]{0,40}|\\PC{0,40}") {
        for text in [text.clone(), format!("attribute:a =~ {text}"), format!("registeredAt > {text}")] {
            match Expression::parse(&text) {
                Ok(expression) => drop(expression.matches(&Instance::default())),
                Err(error) => prop_assert!(error.position() <= text.chars().count() + 1),
            }
        }
    }
}
