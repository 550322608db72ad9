// Writes cases.json: what liquidjs makes of (template, context) pairs of our subset.
//
//   npm install liquidjs@10.30.1 && node tests/golden/liquid/make.mjs > tests/golden/liquid/cases.json
//
// For development only: the outputs are committed, the tests need no JavaScript. liquidjs is
// set as strict as we are (a missing variable is an error, but not in conditions and before
// `default`), escapes as our HTML target does, and reads dates in UTC. A case that liquidjs
// refuses is written with "error": our compiler or renderer must refuse it too.
import { Liquid } from 'liquidjs';

const context = {
  name: 'Ada', empty_text: '', space: ' \t\n ', zero: 0, one: 1, two: 2, half: 0.5, big: 1234567.891,
  negative: -3.7, tiny: 0.0000001, huge: 1e21, third: 1 / 3, yes: true, no: false, nothing: null, text_number: '12.5',
  text: 'The quick brown fox', umlaut: 'straße über ÄÖÜ', cjk: '商品价格', quotes: `"double" & 'single' <b>`,
  path: '/a b/c?d=e&f=ü', day: '2026-03-29T02:30:05Z', seconds: 1774751405, emoji: 'a😀b',
  list: ['a', 'b', 'c'], numbers: [3, 1, 2], none: [], nested: [[1, 2], [3]], mixed: [1, 'x', true, null],
  item: { id: 'i-1', title: 'Red & blue shoe', price: 19.9, tags: ['new', 'sale'], maker: { name: 'Acme', city: 'Köln' }, size: 44, first: 'f' },
  items: [
    { title: 'Shoe', price: 10, stock: 3 }, { title: 'Sock', price: 2.5, stock: 0 },
    { title: 'Hat', price: 15, stock: 12 }, { title: 'Belt', price: 7.25, stock: 1 }],
  key: 'title', index: 1,
};

const templates = [
  // text and white space
  '', 'plain text', 'a{{ one }}b', '{{one}}{{two}}', '{{ one }} {{ two }}', 'a {{- one -}} b', 'a {{- one }} b',
  'a {{ one -}} b', ' {%- if yes -%} x {%- endif -%} ', ' {% if yes %} x {% endif %} ', 'a\n{%- if yes %}\nb\n{%- endif %}\nc',
  '{% if yes -%}\n  x\n{%- endif %}', 'x\n\n{%- assign a = 1 -%}\n\n{{ a }}', '{ {', '}} %}', '{ % if %}', 'a { b } c', '{{ "}}" }}', "{{ '%}' }}",
  '{{ "{{" }}', '\t{{-one-}}\t', '{{ one}}{{two }}', '{%if yes%}y{%endif%}', '{%-if yes-%} y {%-endif-%}',
  // literals and paths
  '{{ "text" }}', "{{ 'text' }}", '{{ 1 }}', '{{ -1 }}', '{{ 1.5 }}', '{{ 1.0 }}', '{{ 007 }}', '{{ true }}', '{{ false }}', '{{ nil }}', '{{ null }}',
  '{{ "a\\"b" }}', "{{ 'a\\nb' }}", '{{ item.title }}', '{{ item["title"] }}', '{{ item[key] }}', '{{ item.maker.name }}', '{{ item.tags[0] }}', '{{ item.tags[-1] }}',
  '{{ list[index] }}', '{{ list[1] }}', '{{ list.first }}', '{{ list.last }}', '{{ list.size }}', '{{ text.size }}', '{{ item.size }}', '{{ item.first }}',
  '{{ nested[0][1] }}', '{{ nested[1].first }}', '{{ items[0].title }}', '{{ items.last.title }}', '{{ item.maker["city"] }}', '{{ list }}', '{{ numbers }}', '{{ mixed }}', '{{ none }}', '{{ nothing }}',
  '{{ cjk }}', '{{ emoji }}', '{{ umlaut }}', '{{ emoji.size }}x',
  // numbers as text
  '{{ big }}', '{{ half }}', '{{ negative }}', '{{ tiny }}', '{{ huge }}', '{{ third }}', '{{ zero }}', '{{ 100000000000000000000 }}', '{{ 0.1 }}', '{{ 123456789.123456789 }}',
  // missing
  '{{ missing }}', '{{ item.missing }}', '{{ list[9] }}', '{{ missing.deeper }}', '{{ item.maker.missing }}', '{{ missing | upcase }}', '{{ missing | upcase | default: "x" }}',
  '{{ missing | default: "x" }}', '{{ item.missing | default: "x" }}', '{{ missing.a.b | default: name }}', '{{ missing | default: missing }}', '{% if missing %}a{% else %}b{% endif %}',
  '{% if missing == nil %}a{% endif %}', '{% if item.missing %}a{% endif %}', '{% unless missing %}a{% endunless %}', '{% assign x = missing %}', '{% assign x = missing | default: 1 %}{{ x }}', '{% for i in missing %}x{% endfor %}',
  '{% if missing and yes %}a{% else %}b{% endif %}', '{% if missing == "x" or yes %}a{% endif %}',
  // assign and capture
  '{% assign a = 1 %}{{ a }}', '{% assign a = "x" | upcase %}{{ a }}', '{% assign name = "Eve" %}{{ name }}', '{% assign a = list %}{{ a[1] }}', '{% assign a = one %}{% assign a = two %}{{ a }}',
  '{% assign a = item.tags | join: "," %}{{ a }}', '{% assign a_b-c = 3 %}{{ a_b-c }}', '{% capture a %}x{{ one }}y{% endcapture %}{{ a }}', '{% capture a %}{% endcapture %}[{{ a }}]', '{% capture a %} b {% endcapture %}[{{ a }}]{{ a.size }}',
  '{% capture a %}{% if yes %}q{% endif %}{% endcapture %}{{ a | append: "!" }}{{ a | size }}', '{{ name }}{% assign name = "Eve" %}{{ name }}', '{% if no %}{% assign name = "Eve" %}{% endif %}{{ name }}',
  '{% for i in list %}{% assign last = i %}{% endfor %}{{ last }}', '{% for i in list %}{% assign i = "z" %}{{ i }}{% endfor %}', '{% capture a %}{% capture b %}in{% endcapture %}{{ b }}{{ b }}{% endcapture %}{{ a }}',
  // conditions
  '{% if yes %}a{% endif %}', '{% if no %}a{% endif %}', '{% if no %}a{% else %}b{% endif %}', '{% if no %}a{% elsif yes %}b{% else %}c{% endif %}', '{% if no %}a{% elsif no %}b{% else %}c{% endif %}', '{% if zero %}a{% else %}b{% endif %}',
  '{% if empty_text %}a{% else %}b{% endif %}', '{% if none %}a{% else %}b{% endif %}', '{% if nothing %}a{% else %}b{% endif %}', '{% if one == 1 %}a{% endif %}', '{% if one == "1" %}a{% else %}b{% endif %}', '{% if one != two %}a{% endif %}',
  '{% if one < two %}a{% endif %}', '{% if one > two %}a{% else %}b{% endif %}', '{% if two <= 2 %}a{% endif %}', '{% if two >= 3 %}a{% else %}b{% endif %}', '{% if "a" < "b" %}a{% endif %}', '{% if "abc" > "ab" %}a{% endif %}', '{% if "Z" < "a" %}a{% endif %}',
  '{% if text contains "quick" %}a{% endif %}', '{% if text contains "slow" %}a{% else %}b{% endif %}', '{% if list contains "b" %}a{% endif %}', '{% if numbers contains 2 %}a{% endif %}', '{% if list contains "z" %}a{% else %}b{% endif %}', '{% if text contains "" %}a{% endif %}',
  '{% if numbers contains "2" %}a{% else %}b{% endif %}', '{% if yes and no %}a{% else %}b{% endif %}', '{% if yes or no %}a{% endif %}', '{% if no and no or yes %}a{% else %}b{% endif %}', '{% if yes or no and no %}a{% else %}b{% endif %}', '{% if no or yes and no %}a{% else %}b{% endif %}',
  '{% if yes and yes and no %}a{% else %}b{% endif %}', '{% if one == 1 and two == 2 %}a{% endif %}', '{% if one == 2 or two == 2 %}a{% endif %}', '{% if one == 1 and two == 3 or yes %}a{% else %}b{% endif %}', '{% if empty_text == empty %}a{% endif %}', '{% if none == empty %}a{% endif %}',
  '{% if text == empty %}a{% else %}b{% endif %}', '{% if space == blank %}a{% endif %}', '{% if nothing == blank %}a{% endif %}', '{% if no == blank %}a{% endif %}', '{% if text != blank %}a{% endif %}', '{% if nothing == nil %}a{% endif %}', '{% if name == nil %}a{% else %}b{% endif %}',
  '{% if yes == true %}a{% endif %}', '{% if no == false %}a{% endif %}', '{% if yes != false %}a{% endif %}', '{% if zero == false %}a{% else %}b{% endif %}', '{% if item.price > 15.5 %}a{% endif %}', '{% if list.size == 3 %}a{% endif %}', '{% if item.tags.first == "new" %}a{% endif %}',
  '{% unless yes %}a{% endunless %}', '{% unless no %}a{% endunless %}', '{% unless yes %}a{% else %}b{% endunless %}', '{% unless yes %}a{% elsif yes %}b{% else %}c{% endunless %}', '{% if yes %}{% if no %}a{% else %}b{% endif %}c{% endif %}', '{% if nested == nested %}a{% else %}b{% endif %}',
  '{% if 1 == 1.0 %}a{% endif %}', '{% if -1 < 0 %}a{% endif %}', "{% if 'a' == \"a\" %}a{% endif %}", '{% if name=="Ada"%}a{%endif%}',
  // case
  '{% case one %}{% when 1 %}a{% when 2 %}b{% endcase %}', '{% case two %}{% when 1 %}a{% when 2 %}b{% else %}c{% endcase %}', '{% case name %}{% when "x" %}a{% else %}c{% endcase %}', '{% case name %}{% when "x", "Ada" %}a{% endcase %}', '{% case name %}{% when "x" or "Ada" %}a{% endcase %}',
  '{% case one %}  {% when 1 %}a  {% endcase %}', '{% case one %}{% when 1 %}a{% when 1 %}b{% endcase %}', '{% case one %}{% when two %}a{% when one %}b{% endcase %}', '{% case nothing %}{% when nil %}a{% else %}b{% endcase %}', '{% case name | upcase %}{% when "ADA" %}a{% endcase %}',
  '{% case empty_text %}{% when empty %}a{% else %}b{% endcase %}', '{% case yes %}{% when true %}a{% endcase %}', '{% case one %}{% else %}z{% endcase %}', '{% case one %}{% endcase %}x', '{% for i in (1..3) %}{% case i %}{% when 1 %}a{% when 2, 3 %}b{% endcase %}{% endfor %}',
  // for
  '{% for i in list %}{{ i }}{% endfor %}', '{% for i in none %}{{ i }}{% else %}nothing{% endfor %}', '{% for i in (1..5) %}{{ i }}{% endfor %}', '{% for i in (one..two) %}{{ i }}{% endfor %}', '{% for i in (3..1) %}{{ i }}{% else %}e{% endfor %}', '{% for i in (-1..1) %}{{ i }},{% endfor %}',
  '{% for i in list limit: 2 %}{{ i }}{% endfor %}', '{% for i in list offset: 1 %}{{ i }}{% endfor %}', '{% for i in list reversed %}{{ i }}{% endfor %}', '{% for i in list limit: 2 offset: 1 %}{{ i }}{% endfor %}', '{% for i in list reversed limit: 2 %}{{ i }}{% endfor %}', '{% for i in list limit: two %}{{ i }}{% endfor %}',
  '{% for i in list limit: 0 %}{{ i }}{% else %}e{% endfor %}', '{% for i in list offset: 9 %}{{ i }}{% endfor %}', '{% for i in (1..10) limit: 3 offset: 4 %}{{ i }} {% endfor %}', '{% for i in list %}{{ forloop.index }}{{ i }}{% endfor %}', '{% for i in list %}{{ forloop.index0 }}/{{ forloop.length }} {% endfor %}', '{% for i in list %}{{ forloop.rindex }}{{ forloop.rindex0 }} {% endfor %}',
  '{% for i in list %}{% if forloop.first %}[{% endif %}{{ i }}{% if forloop.last %}]{% else %},{% endif %}{% endfor %}', '{% for i in list %}{% if i == "b" %}{% break %}{% endif %}{{ i }}{% endfor %}', '{% for i in list %}{% if i == "b" %}{% continue %}{% endif %}{{ i }}{% endfor %}', '{% for i in list %}{{ i }}{% break %}{% else %}e{% endfor %}',
  '{% for i in nested %}{% for j in i %}{{ j }}{% endfor %};{% endfor %}', '{% for i in list %}{% for j in (1..2) %}{{ i }}{{ j }}{% if j == 1 %}{% continue %}{% endif %}|{% endfor %}{% endfor %}', '{% for i in nested %}{{ forloop.index }}:{% for j in i %}{{ forloop.index }}{% endfor %}{{ forloop.index }} {% endfor %}',
  '{% for item in items %}{{ item.title }} {% endfor %}{{ item.title }}', '{% for p in items %}{{ p.title | upcase }}: {{ p.price }}{% unless forloop.last %}, {% endunless %}{% endfor %}', '{% for p in items %}{% if p.stock == 0 %}{% continue %}{% endif %}{{ p.title }} {% endfor %}', '{% for i in "text" %}{{ i }}{% endfor %}', '{% for i in empty_text %}x{% else %}e{% endfor %}',
  '{% for i in nothing %}x{% else %}e{% endfor %}', '{% for i in item.tags %}{{ i }}{% endfor %}', '{%- for i in list -%} {{ i }} {%- endfor -%}', '{% for i in list %}\n{{ i }}\n{% endfor %}', '{% assign r = (1..3) %}{% for i in r %}{{ i }}{% endfor %}', '{% for i in list %}{% capture x %}{{ x }}{{ i }}{% endcapture %}{% endfor %}',
  '{% assign x = "" %}{% for i in list %}{% capture x %}{{ x }}{{ i }}{% endcapture %}{% endfor %}{{ x }}',
  // comment, raw
  'a{% comment %}b{{ missing }}{% endcomment %}c', 'a{% comment %}{% if %}{% endcomment %}c', 'a{% raw %}{{ x }}{% if %}{% endraw %}c', 'a{% raw %} {{ x {% endraw %}c', 'a {%- raw -%} x {%- endraw -%} c', 'a {%- comment -%} x {%- endcomment -%} c', '{% raw %}{% endraw %}', 'a{% comment %} x {% endcomment -%} b',
  // filters
  '{{ text | upcase }}', '{{ text | downcase }}', '{{ umlaut | upcase }}', '{{ umlaut | downcase }}', '{{ umlaut | capitalize }}', '{{ text | capitalize }}', '{{ "ÄPFEL UND BIRNEN" | capitalize }}', '{{ empty_text | capitalize }}', '{{ one | upcase }}', '{{ "ΑΣ ΣΑΣ" | downcase }}', '{{ "x" | capitalize }}',
  '{{ text | truncate: 10 }}', '{{ text | truncate: 19 }}', '{{ text | truncate: 18 }}', '{{ text | truncate: 10, "" }}', '{{ text | truncate: 10, "…" }}', '{{ text | truncate: 2 }}', '{{ text | truncate: 3, "....." }}', '{{ text | truncate }}', '{{ cjk | truncate: 3, "…" }}', '{{ emoji | truncate: 2, "" }}', '{{ umlaut | truncate: 6, "" }}', '{{ big | truncate: 5, "" }}',
  '{{ empty_text | default: "x" }}', '{{ no | default: "x" }}', '{{ nothing | default: "x" }}', '{{ zero | default: "x" }}', '{{ none | default: "x" }}', '{{ name | default: "x" }}', '{{ no | default: "x", allow_false: true }}', '{{ yes | default: "x" }}', '{{ nothing | default: list }}', '{{ space | default: "x" }}|', '{{ nothing | default: item.title | upcase }}',
  '{{ text | append: "!" }}', '{{ one | append: two }}', '{{ empty_text | append: "x" }}', '{{ text | append: item.title }}', '{{ text | replace: "quick", "slow" }}', '{{ text | replace: "o", "0" }}', '{{ text | replace: "zz", "y" }}', '{{ text | replace: " ", "" }}', '{{ "aaa" | replace: "aa", "b" }}', '{{ "abc" | replace: "", "-" }}', '{{ "a.c" | replace: ".", "$&" }}', '{{ one | replace: 1, 2 }}', '{{ empty_text | replace: "a", "b" }}',
  '{{ list | join }}', '{{ list | join: ", " }}', '{{ numbers | join: "-" }}', '{{ none | join: "," }}|', '{{ list | join: "" }}', '{{ "abc" | join: "," }}', '{{ mixed | join: "," }}', '{{ list | first }}', '{{ list | last }}', '{{ numbers | first | plus: 1 }}', '{{ none | first }}|', '{{ items | first | json }}', '{{ item.tags | last | upcase }}',
  '{{ list | size }}', '{{ text | size }}', '{{ empty_text | size }}', '{{ one | size }}', '{{ none | size }}', '{{ umlaut | size }}', '{{ cjk | size }}', '{{ nested | size }}', '{{ one | plus: 2 }}', '{{ "1" | plus: "2" }}', '{{ half | plus: 0.25 }}', '{{ 0.1 | plus: 0.2 }}', '{{ one | minus: two }}', '{{ text_number | plus: 1 }}', '{{ text_number | minus: "2.5" }}', '{{ big | minus: 0.001 }}', '{{ 1000000 | plus: 0.5 }}',
  '{{ 1.5 | round }}', '{{ 2.5 | round }}', '{{ 1.4 | round }}', '{{ negative | round }}', '{{ -2.5 | round }}', '{{ 1.005 | round: 2 }}', '{{ big | round: 1 }}', '{{ big | round }}', '{{ third | round: 4 }}', '{{ 1234 | round: -2 }}', '{{ "3.7" | round }}', '{{ 0.5 | round }}', '{{ -0.4 | round }}', '{{ 2 | round: 2 }}',
  '{{ quotes | escape }}', '{{ text | escape }}', '{{ "&amp;" | escape }}', '{{ one | escape }}', '{{ path | url_encode }}', '{{ text | url_encode }}', "{{ \"a+b c'd(e)*!~\" | url_encode }}", '{{ cjk | url_encode }}', '{{ emoji | url_encode }}', '{{ quotes | url_encode }}', '{{ one | url_encode }}',
  '{{ text | json }}', '{{ quotes | json }}', '{{ one | json }}', '{{ big | json }}', '{{ yes | json }}', '{{ nothing | json }}', '{{ list | json }}', '{{ item | json }}', '{{ items | json }}', '{{ nested | json }}', '{{ mixed | json }}', '{{ space | json }}', '{{ cjk | json }}', '{{ none | json }}', '{{ empty_text | json }}', '{{ "a\\\\b" | json }}',
  '{{ day | date: "%Y-%m-%d" }}', '{{ day | date: "%d.%m.%y" }}', '{{ day | date: "%H:%M:%S" }}', '{{ seconds | date: "%Y-%m-%d %H:%M" }}', '{{ day | date: "%B %e, %Y" }}', '{{ day | date: "%b %d" }}', '{{ day | date: "%A, %a" }}', '{{ day | date: "%j" }}', '{{ day | date: "%I:%M %p" }}', '{{ day | date: "%l %p" }}', '{{ day | date: "%-d.%-m." }}', '{{ day | date: "100%%" }}', '{{ "2024-02-29" | date: "%Y/%m/%d %j" }}',
  '{{ "2026-12-31T23:59:59Z" | date: "%e %j %H" }}', '{{ "2026-07-05T12:00:00+02:00" | date: "%H %d" }}', '{{ 0 | date: "%Y %A" }}', '{{ "1700000000" | date: "%F" | size }}x', '{{ "2000-02-28T00:00:00Z" | date: "%b %-d, %Y" }}', '{{ "1969-12-31T23:59:59Z" | date: "%Y-%m-%d %H:%M:%S" }}',
  // chains
  '{{ text | downcase | replace: "quick", "slow" | truncate: 12 | append: "?" }}', '{{ items | first | default: "x" | json }}', '{{ list | join: "-" | upcase | append: "!" | size }}', '{{ one | plus: two | plus: 3 | minus: 0.5 | round }}', '{{ name | append: " " | append: item.title | upcase }}', '{{ "a" | append: "b" | append: "c" }}', '{% assign n = list | size | plus: 1 %}{% if n > 3 %}{{ n }}{% endif %}',
  // refused by both
  '{{ name | nofilter }}', '{% nosuchtag %}', '{% if yes %}', '{% endif %}', '{{ name', '{% for i in list %}', '{% assign = 1 %}', '{% raw %}x', '{% comment %}x', '{% case one %}{% when 1 %}', '{{ name | append }}', '{% else %}', '{% for %}x{% endfor %}',
];

const html = [
  '{{ quotes }}', '<p>{{ item.title }}</p>', '<a title="{{ quotes }}">x</a>', '<p>{{ item.title | upcase }}</p>', '{% for i in items %}<li>{{ i.title }}</li>{% endfor %}', '<b>{{ cjk }}</b>', '{{ "<script>" }}', '{{ "&amp;" }}', '<p>{{ quotes | truncate: 9 }}</p>',
  '{{ nothing | default: quotes }}', '{% assign a = quotes %}{{ a }}', '{{ list | join: "<br>" }}', '{% if quotes contains "<b>" %}<i>{{ one }}</i>{% endif %}', '{{ quotes | append: ">" }}', "<p class='{{ name }}'>{{ quotes | downcase }}</p>", '{{ one }}{{ yes }}', '{{ quotes | size }}', '<img alt="{{ item.title }}">',
];

const options = { strictVariables: true, strictFilters: true, lenientIf: true, timezoneOffset: 0, locale: 'en' };
const engines = { plain: new Liquid(options), html: new Liquid({ ...options, outputEscape: 'escape' }) };

// What liquidjs accepts and we, on purpose, refuse, or the other way round.
const left_out = new Set([
  '{{ "1700000000" | date: "%F" | size }}x', // an unknown date pattern is an error here
  '{{ emoji.size }}x', // characters here, UTF-16 units there
  '{% assign x = missing %}', // a missing variable is an error here
  'a {%- raw -%} x {%- endraw -%} c', // allowed here
  '{{ name | append }}', // an argument is wanted here
  '{% for i in list %}{% capture x %}{{ x }}{{ i }}{% endcapture %}{% endfor %}', // missing at first
]);

const cases = [];
for (const [target, list] of [['plain', templates], ['html', html]]) {
  for (const template of list) {
    if (left_out.has(template)) continue;
    const one = { target, template };
    try { one.output = await engines[target].parseAndRender(template, context); } catch (error) { one.error = error.name; }
    cases.push(one);
  }
}
const lines = cases.map((c) => '    ' + JSON.stringify(c));
process.stdout.write(`{\n  "made_by": "liquidjs 10.30.1",\n  "context": ${JSON.stringify(context)},\n  "cases": [\n${lines.join(',\n')}\n  ]\n}\n`);
