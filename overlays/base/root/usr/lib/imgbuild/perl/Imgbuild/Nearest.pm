# The known word that a mistyped one was meant to be, by the rule of imgbuild itself
# (src/diag/suggest.rs): one slip is allowed for every three letters, and one in any case.
package Imgbuild::Nearest;
use v5.36;
use List::Util qw(first min);

# The word of `@known` that is nearest to `$word`, the first in the alphabet if several are; undef
# if no word is near enough.
sub nearest ($word, @known) {
    my @letters = letters($word);
    my $slips = int(@letters / 3) || 1;
    my %slips = map { $_ => distance(\@letters, [letters($_)]) } @known;
    return first { $slips{$_} <= $slips } sort { $slips{$a} <=> $slips{$b} || $a cmp $b } @known;
}

sub letters ($text) {
    utf8::decode($text);
    return split //, $text;
}

# The number of letters that are inserted, removed or replaced, or of pairs that changed places
# (optimal string alignment).
sub distance ($one, $other) {
    my ($before, $last, @row) = ([], [], 0 .. @$other);
    for my $i (1 .. @$one) {
        ($before, $last, @row) = ($last, [@row], $i);
        for my $j (1 .. @$other) {
            my $replaced = $one->[$i - 1] ne $other->[$j - 1];
            my $swapped = $i > 1 && $j > 1 && "@$one[$i - 2, $i - 1]" eq "@$other[$j - 1, $j - 2]";
            $row[$j] = min $last->[$j - 1] + $replaced, $last->[$j] + 1, $row[$j - 1] + 1,
                $swapped ? $before->[$j - 2] + 1 : ();
        }
    }
    return $row[-1];
}

1;
