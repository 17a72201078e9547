# JSON (RFC 8259) with its types kept: a text is a scalar, a number an Imgbuild::Number, true and
# false are Imgbuild::Boolean, null is undef. All texts are bytes of UTF-8, as they are everywhere
# here.
package Imgbuild::Json;
use v5.36;

sub number ($digits) { return bless \$digits, 'Imgbuild::Number' }
sub boolean ($true) { my $flag = $true ? 1 : 0; return bless \$flag, 'Imgbuild::Boolean' }

sub is_number ($value) { return ref $value eq 'Imgbuild::Number' }
sub is_boolean ($value) { return ref $value eq 'Imgbuild::Boolean' }

# A number, a truth or a text as text; undef if it is something else.
sub plain ($value) {
    return $$value if is_number($value);
    return $$value ? 'true' : 'false' if is_boolean($value);
    return ref $value ? undef : $value;
}

my %ESCAPES =
    ('"' => '"', '\\' => '\\', '/' => '/', b => "\b", f => "\f", n => "\n", r => "\r", t => "\t");
my %ESCAPED = map { $ESCAPES{$_} => "\\$_" } grep { $_ ne '/' } keys %ESCAPES;

# The value of a whole text.
sub decode ($text) {
    pos($text) = 0;
    my $value = value(\$text);
    $text =~ /\G\s*\z/gc or die "no JSON: something follows the value\n";
    return $value;
}

sub value ($text) {
    $$text =~ /\G\s*/gc;
    return string($text) if $$text =~ /\G"/gc;
    return number($1) if $$text =~ /\G(-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)/gc;
    return list($text) if $$text =~ /\G\[\s*/gc;
    return table($text) if $$text =~ /\G\{\s*/gc;
    return boolean($1 eq 'true') if $$text =~ /\G(true|false)/gc;
    return undef if $$text =~ /\Gnull/gc;
    die 'no JSON at byte ' . pos($$text) . "\n";
}

sub string ($text) {
    my $string = '';
    until ($$text =~ /\G"/gc) {
        if ($$text =~ /\G([^"\\]+)/gc) { $string .= $1 }
        elsif ($$text =~ /\G\\u([0-9a-fA-F]{4})/gc) { $string .= character(hex $1) }
        elsif ($$text =~ /\G\\(["\\\/bfnrt])/gc) { $string .= $ESCAPES{$1} }
        else { die "no JSON: a text has no end\n" }
    }
    return $string;
}

# What a program writes of control characters; no other is written as a number here.
sub character ($code) {
    my $character = chr $code;
    utf8::encode($character);
    return $character;
}

sub list ($text) {
    my @items;
    return \@items if $$text =~ /\G\]/gc;
    while (1) {
        push @items, value($text);
        return \@items if $$text =~ /\G\s*\]/gc;
        $$text =~ /\G\s*,/gc or die "no JSON: a list has no end\n";
    }
}

sub table ($text) {
    my %fields;
    return \%fields if $$text =~ /\G\}/gc;
    while (1) {
        $$text =~ /\G\s*"/gc or die "no JSON: a table has a field without a name\n";
        my $name = string($text);
        $$text =~ /\G\s*:/gc or die "no JSON: a table has a field without a value\n";
        $fields{$name} = value($text);
        return \%fields if $$text =~ /\G\s*\}/gc;
        $$text =~ /\G\s*,/gc or die "no JSON: a table has no end\n";
    }
}

# The shortest text of a value, fields by name.
sub encode ($value) {
    return 'null' if !defined $value;
    return '[' . join(',', map { encode($_) } @$value) . ']' if ref $value eq 'ARRAY';
    return '{' . join(',', map { quote($_) . ':' . encode($value->{$_}) } sort keys %$value) . '}'
        if ref $value eq 'HASH';
    return ref $value ? plain($value) : quote($value);
}

sub quote ($text) {
    $text =~ s/([\x00-\x1f"\\])/$ESCAPED{$1} \/\/ sprintf '\\u%04x', ord $1/ge;
    return "\"$text\"";
}

1;
