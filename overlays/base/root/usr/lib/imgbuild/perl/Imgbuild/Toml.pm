# Arrays of TOML (toml.io, version 1.0) on one line, for lists that have no shorter form: [{ name =
# "shop", port = 8080 }]. Values are as in Imgbuild::Json; there are no floats and no dates.
package Imgbuild::Toml;
use v5.36;
use Imgbuild::Json;

my %ESCAPES = ('"' => '"', '\\' => '\\', b => "\b", f => "\f", n => "\n", r => "\r", t => "\t");
my %ESCAPED = ('"' => '\\"', '\\' => '\\\\', "\t" => '\\t');
# A list in a list in a table in a list is the deepest that a setting can be.
my $DEEPEST = 8;

# The value of a whole text.
sub decode ($text) {
    pos($text) = 0;
    my $value = value(\$text, 0);
    $text =~ /\G\s*\z/gc or die "expected nothing behind the last ]\n";
    return $value;
}

sub value ($text, $depth) {
    die "expected fewer brackets\n" if $depth > $DEEPEST;
    $$text =~ /\G\s*/gc;
    return string($text) if $$text =~ /\G"/gc;
    return $1 if $$text =~ /\G'([^'\n]*)'/gc;
    return list($text, $depth) if $$text =~ /\G\[/gc;
    return table($text, $depth) if $$text =~ /\G\{/gc;
    return Imgbuild::Json::boolean($1 eq 'true') if $$text =~ /\G(true|false)\b/gc;
    return Imgbuild::Json::number(($1 eq '-' && $2 ne '0' ? '-' : '') . ($2 =~ tr/_//dr))
        if $$text =~ /\G([-+]?)(0|[1-9](?:_?[0-9])*)(?![\w.:-])/gc;
    die 'expected "text", a number, true, false, [ or {' . place($text);
}

sub place ($text) {
    my $rest = substr $$text, pos($$text) // 0, 20;
    return $rest eq '' ? " at the end\n" : " before `$rest`\n";
}

sub string ($text) {
    my $string = '';
    until ($$text =~ /\G"/gc) {
        if ($$text =~ /\G([^"\\\n]+)/gc) { $string .= $1 }
        elsif ($$text =~ /\G\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/gc) {
            $string .= Imgbuild::Json::character(hex($1 // $2));
        } elsif ($$text =~ /\G\\(["\\bfnrt])/gc) {
            $string .= $ESCAPES{$1};
        } else {
            die "expected a \" at the end of a text\n";
        }
    }
    return $string;
}

sub list ($text, $depth) {
    my @items;
    until ($$text =~ /\G\s*\]/gc) {
        push @items, value($text, $depth + 1);
        $$text =~ /\G\s*(?:,|(?=\]))/gc or die 'expected , or ]' . place($text);
    }
    return \@items;
}

sub table ($text, $depth) {
    my %fields;
    until ($$text =~ /\G\s*\}/gc) {
        $$text =~ /\G\s*(?|([A-Za-z0-9_-]+)|"([^"\\\n]*)"|'([^'\n]*)')\s*=/gc
            or die 'expected `name = value`' . place($text);
        my $name = $1;
        die "`$name` is there twice\n" if exists $fields{$name};
        $fields{$name} = value($text, $depth + 1);
        $$text =~ /\G\s*(?:,|(?=\}))/gc or die 'expected , or }' . place($text);
    }
    return \%fields;
}

# A value on one line, the fields of a table in the order of `$order->(a table's fields)`.
sub encode ($value, $order) {
    return '[' . join(', ', map { encode($_, $order) } @$value) . ']' if ref $value eq 'ARRAY';
    return
        '{ '
        . join(', ', map { "$_ = " . encode($value->{$_}, $order) } $order->($value)) . ' }'
        if ref $value eq 'HASH';
    return Imgbuild::Json::plain($value) if ref $value;
    return '"' . $value =~ s/(["\\\t])/$ESCAPED{$1}/gr . '"';
}

1;
