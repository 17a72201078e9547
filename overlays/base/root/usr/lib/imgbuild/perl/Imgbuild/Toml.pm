# Arrays of TOML 1.0 (toml.io) on one line, for lists that have no shorter form:
# [{ name = "shop", port = 8080 }]. Values are as in Imgbuild::Json; there are no floats and no
# dates.
package Imgbuild::Toml;
use v5.36;
use Imgbuild::Json;

my %SYNTAX = (
    number => qr/[-+]?(?:0|[1-9](?:_?[0-9])*)(?![\w.:-])/,
    words => {true => !!1, false => !!0},
    assignment => '=',
    field => '`name = value`',
    # A list in a list in a table in a list is the deepest that a setting can be.
    depth => 8,
    place => sub ($text) {
        my $rest = substr $$text, pos($$text) // 0, 20;
        return $rest eq '' ? " at the end\n" : " before `$rest`\n";
    },
);

# The value of a whole text.
sub decode ($text) { return Imgbuild::Json::decode($text, \%SYNTAX) }

# A value on one line. `$order->($table)` names the fields of a table in their order.
sub encode ($value, $order) {
    return '[' . join(', ', map { encode($_, $order) } @$value) . ']' if ref $value eq 'ARRAY';
    return
        '{ '
        . join(', ', map { "$_ = " . encode($value->{$_}, $order) } $order->($value)) . ' }'
        if ref $value eq 'HASH';
    return Imgbuild::Json::encode($value);
}

1;
