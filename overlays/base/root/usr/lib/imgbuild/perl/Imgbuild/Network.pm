# Addresses and interfaces, and what other settings make of them, as in imgbuild itself
# (src/specification/network.rs): a router that has to be in reach, a server that is another
# machine, what must not be in a network of the device's own, an interface that serves nothing
# else.
package Imgbuild::Network;
use v5.36;
use Socket qw(AF_INET AF_INET6 inet_pton);

# The bits of an address as a text of 0 and 1; undef if it is not an address.
sub bits ($address) {
    return undef if $address !~ /\A[0-9a-fA-F:.]+\z/;
    my $bytes = inet_pton($address =~ /:/ ? AF_INET6 : AF_INET, $address);
    return defined $bytes ? unpack 'B*', $bytes : undef;
}

# Whether networks allow an address: `10.0.0.0/8` does, `!10.0.0.0/8` does not, and the longest
# decides.
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

# Whether the bits behind a prefix are `zero`, or those of a `machine`: neither those of the network
# itself, nor those of all its machines. Two machines need no more than a bit.
sub has_host_bits ($which, $address, $prefix) {
    my $bits = bits($address) // return 0;
    return 0 if $prefix > length $bits;
    my $host = substr $bits, $prefix;
    return $host !~ /1/ if $which eq 'zero';
    return length $host <= 1 || $host =~ /1/ && (length $bits == 128 || $host =~ /0/);
}

sub is_link_local ($bits) { return length $bits == 128 && $bits =~ /\A1111111010/ }

# What is wrong with the addresses and interfaces among `%$values`.
sub mistakes ($image, $values) {
    my @mistakes;
    for my $name (sort keys %{$image->{settings}}) {
        my $definition = $image->{settings}{$name};
        my @others = @{$definition->{'other-than'} // []};
        if ($definition->{type} eq 'interface') {
            push @mistakes, map { one_interface($name, $_, $values) } @others;
            next;
        }
        my @rules = (
            (map { [$_, \&inside] } @{$definition->{'outside-settings'} // []}),
            (map { [$_, \&itself] } @others)
        );
        push @rules, [$definition->{'gateway-of'}, \&out_of_reach]
            if defined $definition->{'gateway-of'};
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
    my @texts = ref $value eq 'ARRAY' ? @$value : defined $value ? ($value) : ();
    return map { address($name, $_) } @texts;
}

sub address ($name, $text) {
    my ($address, $prefix) = $text =~ m{\A([^/]*)(?:/([0-9]+))?\z} or return ();
    my $bits = bits($address) // return ();
    $prefix //= length $bits;
    return {
        name => $name,
        text => $text,
        bits => $bits,
        prefix => $prefix,
        network => substr($bits, 0, $prefix)
    };
}

sub out_of_reach ($router, $own) {
    my ($theirs, $mine) = ($router->{bits}, $own->{bits});
    return () if is_link_local($theirs);
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

sub one_interface ($name, $other, $values) {
    my ($interface, $taken) = @$values{$name, $other};
    return
           defined $interface
        && defined $taken
        && $interface eq $taken ? "`$interface` cannot be both `$name` and `$other`" : ();
}

sub inside ($one, $other) {
    return () if length $one->{bits} != length $other->{bits};
    return () if index($one->{bits}, $other->{network}) && index($other->{bits}, $one->{network});
    my $both = join ' and ', map { "`$_->{text}` of `$_->{name}`" } $one, $other;
    return "$both are in one network; take another one for one of them";
}

1;
