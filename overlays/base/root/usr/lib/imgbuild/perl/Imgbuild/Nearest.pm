# The known word that a mistyped one was meant to be, by the rule of imgbuild itself
# (src/diag/suggest.rs): one slip per three letters, and at least one; two letters that changed
# places are one.
package Imgbuild::Nearest;
use v5.36;

# The word of `@known` nearest to `$word`, the first in the alphabet where several are; undef where
# none is near.
sub nearest ($word, @known) {
    my $slips = int(length(characters($word)) / 3) || 1;
    my ($best, $found);
    for my $known (sort @known) {
        my $distance = distance(characters($word), characters($known));
        ($best, $found) = ($distance, $known)
            if $distance <= $slips && (!defined $best || $distance < $best);
    }
    return $found;
}

sub characters ($text) {
    utf8::decode($text);
    return $text;
}

# Optimal string alignment: letters that are inserted, removed, replaced, or two that changed
# places.
sub distance ($one, $other) {
    my @one = split //, $one;
    my @other = split //, $other;
    my ($before, $last, @row) = ([], [], 0 .. @other);
    for my $i (1 .. @one) {
        ($before, $last) = ($last, [@row]);
        @row = ($i);
        for my $j (1 .. @other) {
            my $same = $one[$i - 1] eq $other[$j - 1];
            my $least = $last->[$j - 1] + !$same;
            for my $other_way ($last->[$j] + 1, $row[$j - 1] + 1) {
                $least = $other_way if $other_way < $least;
            }
            my $swapped =
                   $i > 1
                && $j > 1
                && $one[$i - 1] eq $other[$j - 2]
                && $one[$i - 2] eq $other[$j - 1];
            $least = $before->[$j - 2] + 1 if $swapped && $before->[$j - 2] + 1 < $least;
            $row[$j] = $least;
        }
    }
    return $row[-1];
}

1;
