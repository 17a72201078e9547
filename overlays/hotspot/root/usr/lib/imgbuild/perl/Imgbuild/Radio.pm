# The regulatory database of a kernel: regulatory.db, version 20 (net/wireless/reg.c and
# wireless-regdb's db2fw.py). All numbers are big-endian; offsets count units of four bytes.
package Imgbuild::Radio;
use v5.36;
use Imgbuild::File;

our $DATABASE = '/lib/firmware/regulatory.db';
# Flags of a rule, and what they mean for an access point.
my @CLOSED = (
    [0x01 => 'has it for the oldest standard alone'],
    [0x04 => 'shares it with radar, which a device would have to look for'],
    [0x08 => 'lets nobody begin a network there'],
);
# The channels that `wifi-channel` can be.
my %CHANNELS = ('2.4' => [1 .. 13], 5 => [36, 40, 44, 48, 149, 153, 157, 161, 165]);

# The rules of each country: lowest and highest frequency in kHz, flags. Dies of a damaged file.
sub countries ($bytes) {
    my ($magic, $version) = unpack 'a4 N', $bytes;
    die "`$DATABASE` is not a regulatory database of version 20\n"
        if length $bytes < 8 || $magic ne 'RGDB' || $version != 20;
    my %countries;
    for (my $at = 8 ; ; $at += 4) {
        my ($country, $place) = unpack 'a2 n', part($bytes, $at, 4);
        last if $place == 0;
        my ($length, $count) = unpack 'C C', part($bytes, $place * 4, 2);
        my @places = unpack 'n*', part($bytes, $place * 4 + $length + $length % 2, $count * 2);
        $countries{$country} =
            [map { [(unpack 'C C n N N', part($bytes, $_ * 4, 12))[3, 4, 1]] } @places];
    }
    return \%countries;
}

sub part ($bytes, $at, $length) {
    return $at + $length <= length $bytes
        ? substr $bytes, $at, $length
        : die "`$DATABASE` is damaged\n";
}

sub frequency ($channel) { return ($channel < 14 ? 2407 : 5000) + 5 * $channel }

# Why an access point cannot be on the channel; undef if it can. The kernel takes the first rule
# that covers a channel of 20 MHz.
sub closed ($rules, $channel) {
    my $kilohertz = frequency($channel) * 1000;
    my ($rule) = grep { $_->[0] <= $kilohertz - 10_000 && $kilohertz + 10_000 <= $_->[1] } @$rules;
    return 'has no rule for it' if !$rule;
    my ($flag) = grep { $rule->[2] & $_->[0] } @CLOSED;
    return $flag ? $flag->[1] : undef;
}

# The channels of a band on which an access point can be.
sub open_channels ($rules, $band) {
    return grep { !defined closed($rules, $_) } @{$CHANNELS{$band}};
}

# What is wrong with a channel in a country, and what to do about it; undef if nothing is wrong, or
# if the rules are built into the kernel.
sub problem ($country, $band, $channel) {
    my $countries = countries(Imgbuild::File::slurp($DATABASE) // return undef);
    my $rules = $countries->{$country} // return "wifi-country: the image's regulatory.db has no "
        . "rules for $country, so the kernel would stay with those of 00";
    my $why = closed($rules, $channel) // return undef;
    my ($megahertz, @open) = (frequency($channel), open_channels($rules, $band));
    my $help =
        @open
        ? 'wifi-channel can be ' . join(', ', @open)
        : "no channel of the $band GHz band is open there; take the other band";
    my $shown = "channel $channel ($megahertz MHz) in $country";
    return "wifi-channel: the image's regulatory.db $why: $shown; $help";
}

1;
