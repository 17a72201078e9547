# Addresses and what other settings make of them, as in imgbuild itself (src/spec/network.rs): a router that has to be
# in reach, a server that is another machine, what must not be in a network of the device's own.
package Imgbuild::Network;
use v5.36;
use Socket qw(AF_INET AF_INET6 inet_pton);

# The bits of an address as a text of 0 and 1; undef where it is none.
sub bits($address) {
    return undef if $address !~ /\A[0-9a-fA-F:.]+\z/;
    my $bytes = inet_pton($address =~ /:/ ? AF_INET6 : AF_INET, $address);
    return defined $bytes ? unpack 'B*', $bytes : undef;
}

# An address that one machine can have.
sub is_unicast($address) {
    my $bits = bits($address) // return 0;
    return length $bits == 32 ? $bits !~ /\A(?:0{8}|111)/ : $bits =~ /1/ && $bits !~ /\A1{8}/;
}

# The same with the length of its network's prefix: not the network itself, nor all of its machines.
sub is_of_machine($text) {
    my ($address, $prefix) = $text =~ m{\A([^/]*)/([1-9][0-9]{0,2})\z} or return 0;
    my $bits = bits($address) // return 0;
    is_unicast($address) && $prefix <= length $bits && !is_loopback($bits) or return 0;
    my $host = substr $bits, $prefix;
    return 1 if length $host <= 1;
    return $host =~ /1/ && (length $bits == 128 || $host =~ /0/);
}

sub is_loopback($bits) { return $bits =~ (length $bits == 32 ? qr/\A01111111/ : qr/\A0{127}1\z/) }

# What is wrong with the addresses among `%$values`.
sub mistakes($image, $values) {
    my @mistakes;
    for my $name (sort keys %{$image->{settings}}) {
        my $definition = $image->{settings}{$name};
        my @rules = map { [$_, \&inside] } @{$definition->{'outside-settings'} // []};
        push @rules, [$definition->{'gateway-of'}, \&out_of_reach] if defined $definition->{'gateway-of'};
        push @rules, [$definition->{'other-than'}, \&itself] if defined $definition->{'other-than'};
        for my $rule (@rules) {
            my ($other, $wrong) = @$rule;
            for my $own (addresses($other, $values->{$other})) {
                push @mistakes, map { $wrong->($_, $own) } addresses($name, $values->{$name});
            }
        }
    }
    return @mistakes;
}

# Each address of a value, with the network around it.
sub addresses($name, $value) {
    my @texts = ref $value eq 'ARRAY' ? @$value : defined $value ? ($value) : ();
    return map { address($name, $_) } @texts;
}

sub address($name, $text) {
    my ($address, $prefix) = $text =~ m{\A([^/]*)(?:/([0-9]+))?\z} or return ();
    my $bits = bits($address) // return ();
    $prefix //= length $bits;
    return {name => $name, text => $text, bits => $bits, prefix => $prefix, network => substr($bits, 0, $prefix)};
}

sub out_of_reach($router, $own) {
    my ($theirs, $mine) = ($router->{bits}, $own->{bits});
    return () if length $theirs == 128 && $theirs =~ /\A1111111010/;
    my $of = "`$own->{text}` of `$own->{name}`";
    my $wrong = "`$router->{text}` cannot be `$router->{name}`:";
    return "$wrong $of is of the other family" if length $theirs != length $mine;
    return "$wrong it is the device's own, $of" if $theirs eq $mine;
    return () if $own->{prefix} == length $mine;
    return "$wrong it is not in the network of $of" if index $theirs, $own->{network};
    my $host = substr $theirs, $own->{prefix};
    my $nobody = length $theirs == 32 && length $host > 1 && !($host =~ /0/ && $host =~ /1/);
    return $nobody ? "$wrong no machine in the network of $of has it" : ();
}

sub itself($server, $own) {
    return $server->{bits} eq $own->{bits} ? "`$server->{text}` of `$server->{name}` is the device itself, by `$own->{name}`" : ();
}

sub inside($one, $other) {
    return () if length $one->{bits} != length $other->{bits};
    return () if index($one->{bits}, $other->{network}) && index($other->{bits}, $one->{network});
    return "`$one->{text}` of `$one->{name}` and `$other->{text}` of `$other->{name}` are in one network; take another one for one of them";
}

1;
