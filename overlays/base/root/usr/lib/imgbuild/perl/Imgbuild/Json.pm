# JSON (RFC 8259). Texts are bytes of UTF-8, as everywhere in these modules. Numbers, true and false
# are Perl's own, which remembers of what kind a scalar is; null is undef.
package Imgbuild::Json;
use v5.36;
use builtin qw(true false is_bool created_as_number);
no warnings 'experimental::builtin';

# The type of a value: null, list, table, boolean, number or text.
sub type ($value) {
    return 'null' if !defined $value;
    return ref $value eq 'ARRAY' ? 'list' : 'table' if ref $value;
    return is_bool($value) ? 'boolean' : created_as_number($value) ? 'number' : 'text';
}

# A boolean, a number or a text as text; undef for anything else.
sub plain ($value) {
    return undef if !defined $value || ref $value;
    return is_bool($value) ? ($value ? 'true' : 'false') : "$value";
}

# Whether two values are of one type and equal.
sub same ($one, $other) { return encode($one) eq encode($other) }

my %ESCAPES = ('"' => '"', '\\' => '\\', b => "\b", f => "\f", n => "\n", r => "\r", t => "\t");
my %ESCAPED = map { $ESCAPES{$_} => "\\$_" } keys %ESCAPES;
# Where the syntax differs from that of other languages: Imgbuild::Toml has its own. JSON may hold
# secrets, so no error quotes it.
my %SYNTAX = (
    number => qr/-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/,
    words => {true => true, false => false, null => undef},
    assignment => ':',
    field => 'a name and a value',
    depth => 90,
    place => sub ($text) { return ' at byte ' . (pos($$text) // 0) . " of JSON\n" },
);

# The value of a whole text.
sub decode ($text, $syntax = \%SYNTAX) {
    pos($text) = 0;
    my $value = value(\$text, $syntax, $syntax->{depth});
    $text =~ /\G\s*\z/gc or die "expected nothing behind the last ]\n";
    return $value;
}

sub value ($text, $syntax, $depth) {
    die "expected fewer brackets\n" if $depth < 0;
    $$text =~ /\G\s*/gc;
    return string($text) if $$text =~ /\G"/gc;
    return $1 if $$text =~ /\G'([^'\n]*)'/gc;
    return list($text, $syntax, $depth) if $$text =~ /\G\[/gc;
    return table($text, $syntax, $depth) if $$text =~ /\G\{/gc;
    return 0 + ($1 =~ tr/_//dr) if $$text =~ /\G($syntax->{number})/gc;
    my $words = join '|', keys %{$syntax->{words}};
    return $syntax->{words}{$1} if $$text =~ /\G($words)\b/gc;
    die 'expected "text", a number, true, false, [ or {' . $syntax->{place}->($text);
}

sub string ($text) {
    my $string = '';
    until ($$text =~ /\G"/gc) {
        if ($$text =~ /\G([^"\\\n]+)/gc) { $string .= $1 }
        elsif ($$text =~ /\G\\(["\\bfnrt])/gc) { $string .= $ESCAPES{$1} }
        elsif ($$text =~ /\G\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/gc) {
            utf8::encode(my $character = chr hex($1 // $2));
            $string .= $character;
        } else {
            die "expected a \" at the end of a text\n";
        }
    }
    return $string;
}

sub list ($text, $syntax, $depth) {
    my @items;
    until ($$text =~ /\G\s*\]/gc) {
        push @items, value($text, $syntax, $depth - 1);
        $$text =~ /\G\s*(?:,|(?=\]))/gc or die 'expected , or ]' . $syntax->{place}->($text);
    }
    return \@items;
}

sub table ($text, $syntax, $depth) {
    my %fields;
    until ($$text =~ /\G\s*\}/gc) {
        my $start = pos $$text;
        my $name =
              $$text =~ /\G\s*(?|([A-Za-z0-9_-]+)|'([^'\n]*)'|")/gc
            ? $1 // string($text)
            : undef;
        if (!defined $name || $$text !~ /\G\s*$syntax->{assignment}/gc) {
            pos($$text) = $start;
            die "expected $syntax->{field}" . $syntax->{place}->($text);
        }
        die "`$name` is there twice\n" if exists $fields{$name};
        $fields{$name} = value($text, $syntax, $depth - 1);
        $$text =~ /\G\s*(?:,|(?=\}))/gc or die 'expected , or }' . $syntax->{place}->($text);
    }
    return \%fields;
}

# The shortest text of a value, with the fields of tables in the order of their names.
sub encode ($value) {
    return 'null' if !defined $value;
    return '[' . join(',', map { encode($_) } @$value) . ']' if ref $value eq 'ARRAY';
    return '{' . join(',', map { quote($_) . ':' . encode($value->{$_}) } sort keys %$value) . '}'
        if ref $value eq 'HASH';
    return type($value) eq 'text' ? quote($value) : plain($value);
}

sub quote ($text) {
    $text =~ s/([\x00-\x1f"\\])/$ESCAPED{$1} \/\/ sprintf '\\u%04x', ord $1/ge;
    return "\"$text\"";
}

1;
