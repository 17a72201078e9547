# TCP ports: nothing listens twice on one port of one address, as in imgbuild itself
# (src/specification/ports.rs).
package Imgbuild::Ports;
use v5.36;
use Imgbuild::Files;
use Imgbuild::Json;
use Imgbuild::Network;
use List::Util qw(first);

# What is wrong with the ports among `%$values`.
sub mistakes ($image, $values) {
    my @listeners =
        map { +{%$_{qw(port help)}, bound => bound($_->{address}, $values)} } @{$image->{ports}};
    my @mistakes;
    for my $name (sort keys %$values) {
        my $definition = $image->{settings}{$name};
        next if !is_used($definition, $values);
        for my $found (of($definition, $values->{$name}, $values)) {
            my $twin =
                first { $_->{port} == $found->{port} && meet($_->{bound}, $found->{bound}) }
                @listeners;
            push @listeners, {%$found, name => $name};
            push @mistakes, taken($name, $twin) if $twin;
        }
    }
    return @mistakes;
}

# Whether a port is in use. `used-with` names the setting without which it is not (after a `!`, with
# which it is not). For secrets the image says it (`used`), because their values are not here.
sub is_used ($definition, $values) {
    return $definition->{used} if defined $definition->{used};
    my ($not, $with) = ($definition->{'used-with'} // return 1) =~ /\A(!?)(.*)\z/;
    return Imgbuild::Files::given($values->{$with}) ? $not eq '' : $not ne '';
}

sub taken ($name, $twin) {
    return "`$name` and `$twin->{name}` both listen on port $twin->{port}" if defined $twin->{name};
    return "`$name` cannot listen on port $twin->{port}: $twin->{help} does on this device";
}

# The ports on which the device listens because of a value, each with its address. `%$beside`: the
# values among which is the one that `listens-on` names.
sub of ($definition, $value, $beside) {
    return () if !defined $value;
    my $type = $definition->{type};
    return {port => $value, bound => bound($definition->{'listens-on'}, $beside)}
        if $type eq 'port';
    return map { of($definition->{items}, $_, $beside) } @$value if $type eq 'list';
    return map { of($definition->{fields}{$_}, $value->{$_}, $value) } sort keys %$value
        if $type eq 'table';
    return ();
}

# The bits of an address; `4` for all addresses of IPv4, and nothing for all addresses.
sub bound ($named, $beside) {
    return '' if !defined $named;
    my $text = Imgbuild::Json::plain($beside->{$named} // $named) // '';
    my $bits = Imgbuild::Network::bits($text =~ s{/.*}{}sr) // return '';
    return $bits =~ /1/ ? $bits : length $bits == 32 ? '4' : '';
}

# Whether two listeners have an address in common.
sub meet ($one, $other) {
    return 1 if $one eq '' || $other eq '' || $one eq $other;
    return grep { $_ eq '4' } $one, $other if length($one) == 32 || length($other) == 32;
    return 0;
}

1;
