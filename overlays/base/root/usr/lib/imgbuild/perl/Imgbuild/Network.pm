# Addresses and interfaces, and whether they fit those of other settings, as in imgbuild itself
# (src/specification/network.rs): a router has to be in reach, a server has to be another machine,
# some networks must not overlap, and an interface serves only one purpose.
package Imgbuild::Network;
use v5.36;
use Socket qw(AF_INET AF_INET6 inet_pton);

# The bits of an address as a text of 0 and 1; undef if it is not an address.
sub bits ($address) {
    return undef if $address !~ /\A[0-9a-fA-F:.]+\z/;
    my $bytes = inet_pton($address =~ /:/ ? AF_INET6 : AF_INET, $address);
    return defined $bytes ? unpack 'B*', $bytes : undef;
}

# Whether networks allow an address: `10.0.0.0/8` does, `!10.0.0.0/8` does not, and the network with
# the longest prefix decides.
sub allows ($networks, $address) {
    my $bits = bits($address) // return 0;
    my ($longest, $allowed) = (-1, 0);
    for my $network (@$networks) {
        my ($not, $start, $length) = $network =~ m{\A(!?)([^/]*)/([0-9]+)\z};
        my $other = bits($start);
        next if $length < $longest || length $other != length $bits;
        next if substr($other, 0, $length) ne substr($bits, 0, $length);
        ($longest, $allowed) = ($length, $not eq '');
    }
    return $allowed;
}

# Whether the bits behind a prefix are `zero`, or those of a `machine`: neither the address of the
# network nor its broadcast address. With one bit, both addresses are machines (RFC 3021).
sub has_host_bits ($which, $address, $prefix) {
    my $bits = bits($address) // return 0;
    return 0 if $prefix !~ /\A(?:0|[1-9][0-9]{0,2})\z/ || $prefix > length $bits;
    my $host = substr $bits, $prefix;
    return $host !~ /1/ if $which eq 'zero';
    return length $host <= 1 || $host =~ /1/ && (length $bits == 128 || $host =~ /0/);
}

# What is wrong with the addresses and interfaces among `%$values`.
sub mistakes ($image, $values) {
    my @mistakes;
    for my $name (sort keys %{$image->{settings}}) {
        my $definition = $image->{settings}{$name};
        my @others = @{$definition->{'other-than'} // []};
        if ($definition->{type} eq 'interface') {
            my $own = $values->{$name} // next;
            push @mistakes, map { "`$own` cannot be both `$name` and `$_`" }
                grep { ($values->{$_} // '') eq $own } @others;
            next;
        }
        my @rules = (
            (map { [$_, \&overlap] } @{$definition->{'outside-settings'} // []}),
            (map { [$_, \&itself] } @others),
            (map { [$_, \&out_of_reach] } grep { defined } $definition->{'gateway-of'})
        );
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
sub addresses ($name, $value) {
    my @addresses;
    # A table, alone or in a list, is no address.
    for my $text (ref $value eq 'ARRAY' ? @$value : $value // ()) {
        my ($address, $prefix) = $text =~ m{\A([^/]*)(?:/([0-9]+))?\z} or next;
        my $bits = bits($address) // next;
        my %address = (name => $name, text => $text, bits => $bits);
        $address{prefix} = $prefix // length $bits;
        push @addresses, {%address, network => substr $bits, 0, $address{prefix}};
    }
    return @addresses;
}

sub out_of_reach ($router, $own) {
    my ($theirs, $mine) = ($router->{bits}, $own->{bits});
    # A link-local address (fe80::/10) is in reach of every interface.
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

sub itself ($server, $own) {
    return $server->{bits} eq $own->{bits}
        ? "`$server->{text}` of `$server->{name}` is the device itself, by `$own->{name}`"
        : ();
}

sub overlap ($one, $other) {
    return () if length $one->{bits} != length $other->{bits};
    return () if index($one->{bits}, $other->{network}) && index($other->{bits}, $one->{network});
    my $both = join ' and ', map { "`$_->{text}` of `$_->{name}`" } $one, $other;
    return "$both are in one network; take another one for one of them";
}

1;
